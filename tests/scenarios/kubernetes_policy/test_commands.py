"""One kubectl in a step, with what it reads; whether it is meant to change something."""

import subprocess

import pytest

from infraray.errors import InvalidAction
from infraray.scenarios.kubernetes_policy.commands import simple_command

LOOKS = [
    "kubectl get networkpolicies -A",
    "kubectl -n shop describe netpol frontend",
    "kubectl get netpol -o jsonpath='{.items[*].metadata.name}'",
    "kubectl auth can-i delete networkpolicies",
    "kubectl rollout status deployment/frontend",
    "kubectl explain networkpolicy.spec",
    "kubectl",
]
WRITES = [
    "kubectl delete networkpolicy deny-all",
    'kubectl --namespace shop patch netpol frontend --type=json -p \'[{"op": "remove", "path": "/spec"}]\'',
    "kubectl rollout restart deployment/frontend",
    "kubectl label pod frontend app=other --overwrite",
    "kubectl apply -f - <<EOF\nkind: NetworkPolicy\nEOF",
    "kubectl apply -f - <<-'DONE'\nkind: NetworkPolicy\nspec: {$x: `y`}\nDONE\n",
]
SCRIPTS = [
    "kubectl get pods; kubectl get netpol",
    "kubectl get pods | grep x",
    "kubectl get pods && true",
    "kubectl get pods\nkubectl delete netpol x",
    "kubectl delete netpol $(kubectl get netpol -o name)",
    'kubectl delete netpol "$HOME"',
    "kubectl get pods > file",
    "for x in a; do kubectl get pods; done",
    "kubectl apply -f - <<EOF\na\nEOF\nkubectl get pods",
    "sh -c 'kubectl get pods'",
    "ls",
    "kubectl get 'pods",
]


@pytest.mark.parametrize("command", LOOKS)
def test_a_look_changes_nothing(command: str) -> None:
    assert not simple_command(command).writes


@pytest.mark.parametrize("command", WRITES)
def test_a_write_is_seen(command: str) -> None:
    assert simple_command(command).writes


@pytest.mark.parametrize("command", SCRIPTS)
def test_a_script_is_refused_in_one_line(command: str) -> None:
    with pytest.raises(InvalidAction) as error:
        simple_command(command)
    assert "\n" not in str(error.value)


def test_a_shell_reads_the_same_arguments_and_document() -> None:
    command = "kubectl apply -f - -l 'a b' <<EOF\nfirst: $HOME `x`\nEND\nEOF"
    script = "kubectl() { for one; do printf '<%s>' \"$one\"; done; cat; }\n" + simple_command(command).script
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "<apply><-f><-><-l><a b>first: $HOME `x`\nEND\n"
