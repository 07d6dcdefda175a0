"""The index of the scenarios: one registration each, nothing else."""

from infraray.registration import register

register(
    "infraray/LoadBalance-v0",
    name="load_balance",
    entry_point="infraray.scenarios.load_balance.environment:LoadBalance",
    vector_entry_point="infraray.scenarios.load_balance.vector:LoadBalanceVector",
    baselines="infraray.scenarios.load_balance.baselines",
)

register(
    "infraray/AdaptiveBitrate-v0",
    name="abr",
    entry_point="infraray.scenarios.abr.environment:AdaptiveBitrate",
    vector_entry_point="infraray.scenarios.abr.vector:AdaptiveBitrateVector",
    baselines="infraray.scenarios.abr.baselines",
)

register(
    "infraray/Caching-v0",
    name="caching",
    entry_point="infraray.scenarios.caching.environment:Caching",
    vector_entry_point="infraray.scenarios.caching.vector:CachingVector",
    baselines="infraray.scenarios.caching.baselines",
)

register(
    "infraray/Routing-v1",
    name="routing",
    entry_point="infraray.scenarios.routing.environment:Routing",
    baselines="infraray.scenarios.routing.baselines",
    workspace="infraray.scenarios.routing.workspace:RoutingDoor",
    traits="infraray.scenarios.routing.traits:traits",
)

register(
    "infraray/Inference-v0",
    name="inference",
    entry_point="infraray.scenarios.inference.environment:Inference",
    objective="infraray.scenarios.inference.objective:InferenceObjective",
    baselines="infraray.scenarios.inference.baselines",
    workspace="infraray.scenarios.inference.workspace:InferenceDoor",
)

register(
    "infraray/CapacityPlanning-v0",
    name="capacity_planning",
    entry_point="infraray.scenarios.capacity_planning.environment:CapacityPlanning",
    baselines="infraray.scenarios.capacity_planning.baselines",
    traits="infraray.scenarios.capacity_planning.traits:traits",
)

register(
    "infraray/KubernetesPolicy-v0",
    name="kubernetes_policy",
    entry_point="infraray.scenarios.kubernetes_policy.environment:KubernetesPolicy",
    baselines="infraray.scenarios.kubernetes_policy.baselines",
    workspace="infraray.scenarios.kubernetes_policy.workspace:KubernetesPolicyDoor",
    traits="infraray.scenarios.kubernetes_policy.traits:traits",
)
