"""Questions about who may do what: everybody who reaches this server may do everything that it serves."""

from __future__ import annotations

from dataclasses import dataclass

from .decoding import Decoder
from .errors import Object
from .schema import find_type
from .times import now

USER: Object = {"username": "kubernetes-admin", "groups": ["system:masters", "system:authenticated"]}


@dataclass(frozen=True)
class Review:
    """A kind that is posted and answered, never stored."""

    group: str
    name: str
    plural: str
    package: str
    namespaced: bool = False
    verbs: tuple[str, ...] = ("create",)

    @property
    def singular(self) -> str:
        """Name of one."""
        return self.name.lower()

    @property
    def api_version(self) -> str:
        """Group and version as objects have them."""
        return f"{self.group}/v1"


REVIEWS = (
    Review("authentication.k8s.io", "SelfSubjectReview", "selfsubjectreviews", "io.k8s.api.authentication.v1"),
    Review(
        "authorization.k8s.io", "SelfSubjectAccessReview", "selfsubjectaccessreviews", "io.k8s.api.authorization.v1"
    ),
    Review("authorization.k8s.io", "SelfSubjectRulesReview", "selfsubjectrulesreviews", "io.k8s.api.authorization.v1"),
)


def answer(review: Review, given: object) -> Object:
    """The question with its answer.

    Raises:
        ApiError: it cannot be read.
    """
    decoder = Decoder(review.api_version, review.name)
    read = decoder.decode(given, find_type(review.package, review.name))
    read |= {"apiVersion": review.api_version, "kind": review.name}
    read["metadata"] = read.get("metadata", {}) | {"creationTimestamp": now()}
    if review.name == "SelfSubjectReview":
        read["status"] = {"userInfo": USER}
    elif review.name == "SelfSubjectAccessReview":
        read["status"] = {"allowed": True, "reason": "this server allows everything to everybody"}
    else:
        every = ["*"]
        read["status"] = {
            "resourceRules": [{"verbs": every, "apiGroups": every, "resources": every}],
            "nonResourceRules": [{"verbs": every, "nonResourceURLs": every}],
            "incomplete": False,
        }
    return read
