"""apps/v1 ReplicaSet."""

from __future__ import annotations

from ..columns import AGE, CONTAINERS, IMAGES, NAME, SELECTOR
from ..errors import FieldError, Object, invalid, required
from ..kind import Column, Kind
from ..selectors import matches_selector
from ..validation.pod_spec import default_pod_spec, validate_template


def default(given: Object) -> None:
    """Sets the template's defaults; labels are the template's, if there are none."""
    labels = given["spec"]["template"]["metadata"].get("labels") if "template" in given["spec"] else None
    if labels and not given["metadata"].get("labels"):
        given["metadata"]["labels"] = dict(labels)
    default_template(given)


def default_template(given: Object) -> None:
    """Sets the defaults of the pods to be made."""
    if "template" in given["spec"]:
        default_pod_spec(given["spec"]["template"]["spec"])


def validate(given: Object) -> list[FieldError]:
    """Checks the number, the selector and the template."""
    spec = given["spec"]
    errors: list[FieldError] = []
    for name in ("replicas", "minReadySeconds"):
        if spec.get(name, 0) < 0:
            errors.append(invalid(f"spec.{name}", spec[name], "must be greater than or equal to 0"))
    selector, template = spec.get("selector"), spec.get("template")
    if selector is None:
        errors.append(required("spec.selector"))
    elif not selector:
        errors.append(invalid("spec.selector", selector, "empty selector is invalid for deployment"))
    if template is None:
        return [*errors, required("spec.template")]
    labels = template["metadata"].get("labels", {})
    if selector and not errors and not matches_selector(selector, labels):
        detail = "`selector` does not match template `labels`"
        errors.append(invalid("spec.template.metadata.labels", labels, detail))
    return errors + validate_template(template, "spec.template")


def validate_change(new: Object, old: Object) -> list[FieldError]:
    """Refuses another selector."""
    if new["spec"].get("selector") == old["spec"].get("selector"):
        return []
    return [invalid("spec.selector", new["spec"].get("selector"), "field is immutable")]


KIND = Kind(
    group="apps",
    name="ReplicaSet",
    plural="replicasets",
    singular="replicaset",
    short_names=("rs",),
    categories=("all",),
    package="io.k8s.api.apps.v1",
    columns=(
        NAME,
        Column("Desired", lambda given: given["spec"].get("replicas", 0), type="integer"),
        Column("Current", lambda given: given["status"].get("replicas", 0), type="integer"),
        Column("Ready", lambda given: given["status"].get("readyReplicas", 0), type="integer"),
        AGE,
        CONTAINERS,
        IMAGES,
        SELECTOR,
    ),
    subresources=("status", "scale"),
    default=default,
    validate=validate,
    validate_change=validate_change,
    selectable={"status.replicas": lambda given: str(given["status"].get("replicas", 0))},
    spec_parts=("spec",),
)
