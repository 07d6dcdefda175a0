"""The evaluator against truth tables of the cases that Kubernetes' own end-to-end tests name.

The model is theirs too: namespaces x, y and z with pods a, b and c each, which serve 80 and 81 over TCP, UDP and SCTP.
"""

import pytest

from infraray import InfrarayError
from infraray.network_policies import Namespace, NetworkPolicy, Pod, PolicyEvaluator

PODS = [f"{namespace}/{pod}" for namespace in "xyz" for pod in "abc"]


def cluster(*policies, pod_labels=None, namespace_labels=None, ports=None):
    """The evaluator of the model with policies, given by their specs, in namespace x."""
    ports = ports or {}
    manifests = [
        {
            "kind": "Namespace",
            "metadata": {"name": name, "labels": {"ns": name, **(namespace_labels or {}).get(name, {})}},
        }
        for name in "xyz"
    ]
    for number, name in enumerate(PODS, start=10):
        namespace, pod = name.split("/")
        named = ports.get(name, {"serve-80": 80, "serve-81": 81})
        manifests.append(
            {
                "kind": "Pod",
                "metadata": {"name": pod, "namespace": namespace, "labels": (pod_labels or {}).get(name, {"pod": pod})},
                "spec": {"containers": [{"name": "c", "ports": [_port(*one) for one in named.items()]}]},
                "status": {"podIP": f"10.0.0.{number}", "hostIP": "192.168.0.1"},
            }
        )
    for number, spec in enumerate(policies):
        metadata = {"name": f"policy-{number}", "namespace": "x"}
        manifests.append({"kind": "NetworkPolicy", "metadata": metadata, "spec": spec})
    return PolicyEvaluator.of(manifests)


def _port(name, number):
    return {"name": name, "containerPort": number}


def reached(evaluator, protocol="TCP", port=80):
    """The connections that are permitted, as source and target."""
    pods = {"/".join(key): pod for key, pod in evaluator.pods.items()}
    return {
        (source, target)
        for source in PODS
        for target in PODS
        if evaluator.may(pods[source], pods[target], protocol, port)
    }


def expected(permits):
    """All connections for which ``permits(source, target)``, and every pod to itself."""
    return {(source, target) for source in PODS for target in PODS if source == target or permits(source, target)}


def pod(name):
    return {"matchLabels": {"pod": name}}


def ns(name):
    return {"matchLabels": {"ns": name}}


def ingress(*peers, ports=None, select=None):
    rule = {**({"from": [*peers]} if peers else {}), **({"ports": ports} if ports else {})}
    return {"podSelector": pod("a") if select is None else select, "policyTypes": ["Ingress"], "ingress": [rule]}


def egress(*peers, ports=None, select=None):
    rule = {**({"to": [*peers]} if peers else {}), **({"ports": ports} if ports else {})}
    return {"podSelector": pod("a") if select is None else select, "policyTypes": ["Egress"], "egress": [rule]}


DENY_ALL = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
DENY_INGRESS = {"podSelector": {}, "policyTypes": ["Ingress"]}


def to_a(*sources):
    """Only ``sources`` reach x/a; everything else is open."""
    return lambda source, target: target != "x/a" or source in sources


def from_a(*targets):
    return lambda source, target: source != "x/a" or target in targets


def in_x(name):
    return name.startswith("x/")


NOT_IN = {"matchExpressions": [{"key": "pod", "operator": "NotIn", "values": ["a", "b"]}]}
EXISTS = {"matchExpressions": [{"key": "pod", "operator": "Exists"}]}
LACKS = {"matchExpressions": [{"key": "pod", "operator": "DoesNotExist"}]}
IN_YZ = {"matchExpressions": [{"key": "ns", "operator": "In", "values": ["y", "z"]}]}
NAMED_Y = {"matchLabels": {"kubernetes.io/metadata.name": "y"}}

CASES = {
    "no policy": ([], lambda source, target: True),
    "default deny ingress": ([DENY_INGRESS], lambda source, target: not in_x(target)),
    "default deny all": ([DENY_ALL], lambda source, target: not in_x(source) and not in_x(target)),
    "default deny by absent podSelector": ([{"policyTypes": ["Ingress"]}], lambda source, target: not in_x(target)),
    "allow all ingress": ([DENY_INGRESS, ingress(select={})], lambda source, target: True),
    "empty peers mean everybody": (
        [{"podSelector": {}, "ingress": [{"from": [], "ports": []}]}],
        lambda source, target: True,
    ),
    "no rule": ([{"podSelector": pod("a"), "ingress": []}], to_a()),
    "pods of the same namespace": ([ingress({"podSelector": {}})], to_a("x/a", "x/b", "x/c")),
    "one pod": ([ingress({"podSelector": pod("b")})], to_a("x/b")),
    "namespace selector": ([ingress({"namespaceSelector": ns("y")})], to_a("y/a", "y/b", "y/c")),
    "namespace by its name": ([ingress({"namespaceSelector": NAMED_Y})], to_a("y/a", "y/b", "y/c")),
    "namespaces by expressions": ([ingress({"namespaceSelector": IN_YZ})], to_a(*PODS[3:])),
    "all namespaces": ([ingress({"namespaceSelector": {}})], lambda source, target: True),
    "pod AND namespace in one peer": ([ingress({"namespaceSelector": ns("y"), "podSelector": pod("b")})], to_a("y/b")),
    "pod OR namespace in two peers": (
        [ingress({"namespaceSelector": ns("y")}, {"podSelector": pod("b")})],
        to_a("y/a", "y/b", "y/c", "x/b"),
    ),
    "pods of all namespaces": (
        [ingress({"namespaceSelector": {}, "podSelector": pod("c")})],
        to_a("x/c", "y/c", "z/c"),
    ),
    "pods by expressions": ([ingress({"podSelector": NOT_IN})], to_a("x/c")),
    "pods with a label": ([ingress({"podSelector": EXISTS})], to_a("x/a", "x/b", "x/c")),
    "pods without a label": ([ingress({"podSelector": LACKS})], to_a()),
    "selector that no pod has": ([ingress({"podSelector": pod("zz")})], to_a()),
    "policy that selects no pod": ([ingress({"podSelector": pod("b")}, select=pod("zz"))], lambda *_: True),
    "policies are united": (
        [ingress({"podSelector": pod("b")}), ingress({"namespaceSelector": ns("z")})],
        to_a("x/b", "z/a", "z/b", "z/c"),
    ),
    "a denial does not undo a permission": (
        [DENY_ALL, ingress(), egress()],
        lambda source, target: (not in_x(target) or target == "x/a") and (not in_x(source) or source == "x/a"),
    ),
    "port by number": ([ingress(ports=[{"port": 80}])], lambda *_: True),
    "another port": ([ingress(ports=[{"port": 81}])], to_a()),
    "port by name": ([ingress(ports=[{"port": "serve-80"}])], lambda *_: True),
    "another port's name": ([ingress(ports=[{"port": "serve-81"}])], to_a()),
    "name that no container has": ([ingress(ports=[{"port": "zz"}])], to_a()),
    "range of ports": ([ingress(ports=[{"port": 79, "endPort": 80}])], lambda *_: True),
    "range beside the port": ([ingress(ports=[{"port": 81, "endPort": 90}])], to_a()),
    "whole protocol": ([ingress(ports=[{"protocol": "TCP"}])], lambda *_: True),
    "UDP alone opens no TCP port": ([ingress(ports=[{"protocol": "UDP", "port": 80}])], to_a()),
    "SCTP alone isolates and opens no TCP port": ([ingress(ports=[{"protocol": "SCTP", "port": 80}])], to_a()),
    "egress to a pod": ([egress({"podSelector": pod("b")})], from_a("x/b")),
    "egress to a namespace": ([egress({"namespaceSelector": ns("y")})], from_a("y/a", "y/b", "y/c")),
    "egress by the destination's name of a port": ([egress(ports=[{"port": "serve-80"}])], lambda *_: True),
    "egress and ingress must both permit": (
        [egress({"podSelector": pod("b")}), ingress({"podSelector": pod("c")}, select=pod("b"))],
        lambda source, target: (target != "x/b" and source != "x/a") or (source, target) == ("x/c", "x/b"),
    ),
    "directions follow from the rules": (
        [{"podSelector": pod("a"), "egress": [{"to": [{"podSelector": pod("b")}]}]}],
        lambda source, target: target != "x/a" and (source != "x/a" or target == "x/b"),
    ),
    "an empty list of egress rules does not isolate": ([{"podSelector": pod("a"), "egress": []}], to_a()),
    "rules of a direction that is not named do nothing": (
        [{"podSelector": pod("a"), "policyTypes": ["Egress"], "ingress": [{}], "egress": [{}]}],
        lambda *_: True,
    ),
    "addresses": ([egress({"ipBlock": {"cidr": "10.0.0.14/32"}})], from_a("y/b")),
    "addresses with exceptions": (
        [egress({"ipBlock": {"cidr": "10.0.0.8/29", "except": ["10.0.0.11/32", "10.0.0.14/31"]}})],
        from_a("x/a", "x/c", "y/a"),
    ),
    "an exception does not undo another peer": (
        [
            egress(
                {"ipBlock": {"cidr": "10.0.0.8/29", "except": ["10.0.0.11/32"]}}, {"ipBlock": {"cidr": "10.0.0.11/32"}}
            )
        ],
        from_a(*PODS[:6]),
    ),
    "ingress from addresses": ([ingress({"ipBlock": {"cidr": "10.0.0.11/32"}})], to_a("x/b")),
}


@pytest.mark.parametrize("name", CASES)
def test_truth_table(name):
    policies, permits = CASES[name]
    assert reached(cluster(*policies)) == expected(permits)


def test_other_protocols_follow_their_own_rules():
    evaluator = cluster(ingress(ports=[{"protocol": "UDP", "port": 80}, {"protocol": "SCTP", "port": 81}]))
    assert reached(evaluator, "UDP", 80) == expected(lambda *_: True)
    assert reached(evaluator, "UDP", 81) == reached(evaluator, "SCTP", 80) == expected(to_a())
    assert reached(evaluator, "SCTP", 81) == expected(lambda *_: True)


def test_a_name_means_what_each_destination_calls_so():
    evaluator = cluster(
        egress(ports=[{"port": "web"}]), ports={"x/b": {"web": 80}, "y/a": {"web": 81}, "z/a": {"other": 80}}
    )
    assert reached(evaluator, port=80) == expected(from_a("x/b"))
    assert reached(evaluator, port=81) == expected(from_a("y/a"))


def test_a_name_of_another_protocol_is_another_port():
    evaluator = cluster(ingress(ports=[{"protocol": "UDP", "port": "serve-80"}]))
    assert reached(evaluator) == reached(evaluator, "UDP") == expected(to_a())


def test_labels_of_pods_and_namespaces_count_as_they_are_now():
    policy = ingress({"podSelector": pod("b"), "namespaceSelector": {"matchLabels": {"team": "red"}}})
    assert reached(cluster(policy)) == expected(to_a())
    evaluator = cluster(policy, namespace_labels={"z": {"team": "red"}}, pod_labels={"z/c": {"pod": "b"}})
    assert reached(evaluator) == expected(lambda source, target: target != "x/a" or source in ("z/b", "z/c"))


def test_a_pod_reaches_itself_and_its_node_reaches_it():
    evaluator = cluster(DENY_ALL)
    one = evaluator.pods["x", "a"]
    assert evaluator.may(one, one, "TCP", 80)
    assert evaluator.may("192.168.0.1", one, "TCP", 80)
    assert evaluator.may(one, "192.168.0.1", "TCP", 80)
    assert not evaluator.may("192.168.0.2", one, "TCP", 80)
    assert not evaluator.may(one, "8.8.8.8", "UDP", 53)


def test_outside_addresses_need_a_block():
    evaluator = cluster(
        ingress({"ipBlock": {"cidr": "8.8.0.0/16", "except": ["8.8.4.0/24"]}}), egress({"podSelector": {}})
    )
    one = evaluator.pods["x", "a"]
    assert evaluator.may("8.8.8.8", one, "TCP", 80)
    assert not evaluator.may("8.8.4.4", one, "TCP", 80)
    assert not evaluator.may(one, "8.8.8.8", "TCP", 80)


def test_a_pod_on_its_nodes_network_is_neither_selected_nor_isolated():
    node = Pod("n", "x", {"pod": "a"}, addresses=("192.168.0.1",), host_network=True)
    policies = [
        NetworkPolicy.of({"kind": "NetworkPolicy", "metadata": {"name": "p", "namespace": "x"}, "spec": DENY_ALL})
    ]
    other = Pod("b", "x", {}, addresses=("10.0.0.2",), host_addresses=("192.168.0.1",))
    far = Pod("c", "x", {}, addresses=("10.0.0.3",), host_addresses=("192.168.0.9",))
    evaluator = PolicyEvaluator([node, other, far], [Namespace.named("x")], policies)
    assert evaluator.may(node, other, "TCP", 80) and evaluator.may(other, node, "TCP", 80)
    assert not evaluator.may(node, far, "TCP", 80)


def test_a_workload_stands_for_a_pod_of_its_template():
    deployment = {
        "kind": "Deployment",
        "metadata": {"name": "shop"},
        "spec": {"template": {"metadata": {"labels": {"app": "shop"}}, "spec": {"containers": [{"name": "c"}]}}},
    }
    policy = {
        "kind": "NetworkPolicy",
        "metadata": {"name": "p"},
        "spec": {"podSelector": {"matchLabels": {"app": "shop"}}},
    }
    evaluator = PolicyEvaluator.of([{"kind": "List", "items": [deployment, policy]}])
    assert not evaluator.may("1.2.3.4", evaluator.pods["default", "shop"], "TCP", 80)


WRONG = {
    "spec.ingress[0].from[0]={}: must have a podSelector": {"ingress": [{"from": [{}]}]},
    "spec.ingress[0].from[0].ipBlock.except[0]='11.0.0.0/8': must be a proper part": {
        "ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["11.0.0.0/8"]}}]}]
    },
    "spec.egress[0].to[0].ipBlock.cidr='x': must be a network": {"egress": [{"to": [{"ipBlock": {"cidr": "x"}}]}]},
    "spec.ingress[0].ports[0].endPort=90: needs a port that is a number": {
        "ingress": [{"ports": [{"port": "web", "endPort": 90}]}]
    },
    "spec.ingress[0].ports[0].endPort=70: must be at least port, 80": {
        "ingress": [{"ports": [{"port": 80, "endPort": 70}]}]
    },
    "spec.ingress[0].ports[0].protocol='ICMP': must be one of TCP, UDP, SCTP": {
        "ingress": [{"ports": [{"protocol": "ICMP"}]}]
    },
    "spec.ingress[0].ports[0].port=0: must be a whole number from 1 to 65535": {"ingress": [{"ports": [{"port": 0}]}]},
    "spec.policyTypes[0]='ingress': must be one of Ingress, Egress": {"policyTypes": ["ingress"]},
    "spec.podSelector.matchExpressions[0].values=None: must be listed": {
        "podSelector": {"matchExpressions": [{"key": "a", "operator": "In"}]}
    },
    "spec.podSelector.matchLabels.a=1: must be a string": {"podSelector": {"matchLabels": {"a": 1}}},
}


@pytest.mark.parametrize("message", WRONG)
def test_a_wrong_policy_is_refused_by_its_field(message):
    manifest = {"kind": "NetworkPolicy", "metadata": {"name": "p", "namespace": "x"}, "spec": WRONG[message]}
    with pytest.raises(InfrarayError) as error:
        PolicyEvaluator.of([manifest])
    assert str(error.value).startswith(f"NetworkPolicy x/p: {message}")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("manifest", ["Pod", {"metadata": {}}, {"kind": 3}])
def test_what_is_no_object_is_passed_over_or_refused(manifest):
    if isinstance(manifest, dict):
        assert not PolicyEvaluator.of([manifest]).pods
    else:
        with pytest.raises(InfrarayError, match="must be a mapping with a kind"):
            PolicyEvaluator.of([manifest])
