"""Every registered scenario, preset and agent conforms. A new one needs nothing but its registration."""

from infraray.agents import registered_agents
from infraray.registration import registrations
from infraray.testing import AgentConformance, ScenarioConformance


def _add(conformance: type, *names: str, **attributes) -> None:
    name = "Test" + "".join(word.capitalize() for name in names for word in name.split("_"))
    globals()[name] = type(name, (conformance,), attributes)


for _registration in registrations():
    if not _registration.id.startswith("infraray/"):  # another test file's
        continue
    if _registration.environment_class().measured:  # on live engines, see tests/engines
        continue
    _name = _registration.name
    _add(ScenarioConformance, _name, scenario=_registration.id)
    for _preset in _registration.environment_class().presets:
        _add(ScenarioConformance, _name, _preset, scenario=_registration.id, preset=_preset, seeds=range(2))
    _registration.import_baselines()
    for _agent in registered_agents(_name):
        _spec = f"scripted:{_agent}"
        _add(AgentConformance, _name, "agent", _agent, scenario=_registration.id, agent=_spec, seeds=range(2))
