"""Every write: decoded, completed, checked, credited to its manager, stored."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from . import errors
from .decoding import Decoder
from .defaults import set_defaults
from .errors import ApiError, FieldError, Object, bad_request
from .kind import Kind
from .kinds import namespaces, pods, services
from .objects import Objects
from .patches import managed_fields, server_side_apply
from .patches.field_sets import Fields, fields_of
from .patches.managed_fields import Entry, Manager
from .service_addresses import ServiceAddresses
from .store import Key, Stored
from .times import after, now
from .validation.fields import validate_fields
from .validation.metadata import validate_metadata, validate_metadata_change

_NAME_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
_SERVERS_OWN = ("uid", "creationTimestamp", "generation", "selfLink", "deletionTimestamp", "deletionGracePeriodSeconds")
"""Metadata that a client cannot set."""

PROPAGATION = {"Foreground": "foregroundDeletion", "Orphan": "orphan"}
"""Finalizers by which an object waits for its dependents."""


@dataclass
class Options:
    """The options of a write; ``warnings`` gathers what the client is to be told."""

    manager: str = "unknown"
    dry_run: bool = False
    field_validation: str = "Warn"
    """``Strict``, ``Warn`` or ``Ignore``."""
    warnings: list[str] = field(default_factory=list)


@dataclass
class Deletion:
    """The options of a deletion."""

    grace_period_s: int | None = None
    propagation: str = "Background"
    uid: str = ""
    resource_version: str = ""
    dry_run: bool = False


class Writer:
    """Carries out writes."""

    def __init__(self, objects: Objects, service_network: str) -> None:
        self._objects = objects
        self._addresses = ServiceAddresses(objects[services.KIND], service_network)

    def decode(self, kind: Kind, given: Any, options: Options) -> Object:
        """A body as an object of this kind.

        Raises:
            ApiError: it is another kind's, or cannot be read.
        """
        if isinstance(given, dict):
            version, name = given.get("apiVersion") or kind.api_version, given.get("kind") or kind.name
            if version != kind.api_version:
                raise bad_request(
                    f"the API version in the data ({version}) does not match the expected API version "
                    f"({kind.api_version})"
                )
            if name != kind.name:
                raise bad_request(f"{name} in version {json.dumps(kind.version)} cannot be handled as a {kind.name}")
        decoder = Decoder(kind.api_version, kind.name)
        read = decoder.decode(given, kind.type)
        if decoder.problems and options.field_validation == "Strict":
            raise decoder.strict_error()
        if options.field_validation == "Warn":
            options.warnings += decoder.problems
        read["apiVersion"], read["kind"] = kind.api_version, kind.name
        read.setdefault("metadata", {})
        return read

    def create(self, kind: Kind, namespace: str, given: Any, options: Options) -> Object:
        """Stores a new object and returns it.

        Raises:
            ApiError: it is not allowed.
        """
        new = self.decode(kind, given, options)
        metadata = new["metadata"]
        if metadata.get("resourceVersion"):
            raise bad_request("resourceVersion should not be set on objects to be created")
        _enter_namespace(kind, metadata, namespace)
        for name in _SERVERS_OWN:
            metadata.pop(name, None)
        managed = metadata.pop("managedFields", None)
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = metadata["generateName"][:58] + "".join(random.choices(_NAME_LETTERS, k=5))
        return self._create(kind, new, options, managed_fields.read_entries(managed), None)

    def _create(
        self, kind: Kind, new: Object, options: Options, entries: list[Entry], applied: Fields | None
    ) -> Object:
        metadata = new["metadata"]
        metadata["uid"] = str(uuid.uuid4())
        metadata["creationTimestamp"] = now()
        if kind.spec_parts:
            metadata["generation"] = 1
        if kind.has_status:
            new.pop("status", None)
        key = (metadata.get("namespace", ""), metadata.get("name", ""))
        self._check_namespace(kind, key)
        self._complete(kind, new, None)
        if self._objects[kind].get(key) is not None:
            raise errors.already_exists(kind.group, kind.plural, key[1])
        after_fields = fields_of(new, kind.type)
        if applied is None:
            manager = Manager(options.manager, "Update", kind.api_version)
            entries = managed_fields.after_update(entries, manager, {}, after_fields)
        else:
            manager = Manager(options.manager, "Apply", kind.api_version)
            entries = managed_fields.after_apply([], manager, set(applied), {}, after_fields)
        metadata["managedFields"] = managed_fields.write_entries(entries)
        return new if options.dry_run else self._objects[kind].put(key, new).object

    def update(
        self,
        kind: Kind,
        key: Key,
        change: Callable[[Object], Any],
        options: Options,
        subresource: str = "",
    ) -> Object:
        """Stores what ``change`` makes of a copy of an object, and returns it.

        Raises:
            ApiError: there is no such object, it is not allowed, or the client has seen another version.
        """
        old = self._objects.find(kind, key)
        new = self.decode(kind, change(old.copy()), options)
        _check_identity(kind, key, new["metadata"], old.object["metadata"])
        if subresource not in ("", "binding"):
            new = _subresource_only(old, new, subresource)
        return self._replace(kind, key, old, new, options, subresource, None)

    def apply(self, kind: Kind, key: Key, given: Any, options: Options, force: bool, subresource: str = "") -> Object:
        """Server-side apply: creates or changes an object.

        Raises:
            ApiError: it is not allowed, or another manager is against it.
        """
        config = self.decode(kind, given, options)
        _enter_namespace(kind, config["metadata"], key[0])
        metadata = config["metadata"]
        if metadata.get("managedFields"):
            raise bad_request("metadata.managedFields must be nil")
        if metadata.setdefault("name", key[1]) != key[1]:
            raise _other_name(metadata["name"], key[1])
        old = self._objects[kind].get(key)
        if old is None:
            if subresource:
                raise errors.not_found(kind.group, kind.plural, key[1])
            for name in ("uid", "resourceVersion"):
                if metadata.get(name):
                    raise errors.conflict(kind.group, kind.plural, key[1], errors.CHANGED)
            return self._create(kind, config, options, [], fields_of(config, kind.type))
        _check_identity(kind, key, metadata, old.object["metadata"])
        if subresource:
            config = {name: value for name, value in config.items() if name in ("apiVersion", "kind", subresource)}
        elif kind.has_status:
            config.pop("status", None)
        entries = managed_fields.read_entries(old.object["metadata"].get("managedFields"))
        manager = Manager(options.manager, "Apply", kind.api_version, subresource)
        merged, applied = server_side_apply.apply(old.copy(), config, kind.type, entries, manager, force)
        merged["metadata"] = {**old.copy()["metadata"], **merged.get("metadata", {})}
        merged["metadata"].pop("resourceVersion", None)
        return self._replace(kind, key, old, merged, options, subresource, dict.fromkeys(applied))

    def _replace(
        self,
        kind: Kind,
        key: Key,
        old: Stored,
        new: Object,
        options: Options,
        subresource: str,
        applied: Fields | None,
    ) -> Object:
        before = old.object
        metadata, old_metadata = new["metadata"], before["metadata"]
        given_entries = metadata.pop("managedFields", None)
        for name in (*_SERVERS_OWN, "namespace", "generateName"):
            if name in old_metadata:
                metadata[name] = old_metadata[name]
            else:
                metadata.pop(name, None)
        if kind.has_status and subresource not in ("status", "binding"):
            new["status"] = old.copy().get("status", {})
        if kind is namespaces.KIND and subresource != "finalize":
            new["spec"] = before["spec"]
        self._complete(kind, new, before, subresource)
        if any(new.get(part) != before.get(part) for part in kind.spec_parts):
            metadata["generation"] = old_metadata.get("generation", 0) + 1
        self._credit(kind, new, before, given_entries, options, subresource, applied)
        metadata["resourceVersion"] = old_metadata["resourceVersion"]
        if new == before or options.dry_run:
            return new
        if "deletionTimestamp" in metadata and self._is_done(kind, new):
            self._objects[kind].put(key, new)
            return self._objects[kind].remove(key).object
        return self._objects[kind].put(key, new).object

    def _complete(self, kind: Kind, new: Object, old: Object | None, subresource: str = "") -> None:
        """Sets the defaults and checks the rules."""
        set_defaults(new, kind.type)
        if kind is services.KIND and old is not None:
            _keep_addresses(new, old)
        kind.default(new)
        found: list[FieldError] = validate_metadata(kind, new["metadata"])
        if old is not None:
            found += validate_metadata_change(new["metadata"], old["metadata"])
            if not subresource:
                found += kind.validate_change(new, old)
        if subresource != "status":
            found += validate_fields(new, kind.type)
            # Rules of a kind rely on what the fields' types promise.
            found += [error for error in kind.validate(new) if error not in found]
            if kind is services.KIND and not found:
                found += self._addresses.assign(new)
        if found:
            raise errors.invalid_object(kind.group, kind.name, new["metadata"].get("name", ""), found)

    def _credit(
        self,
        kind: Kind,
        new: Object,
        before: Object,
        given: Any,
        options: Options,
        subresource: str,
        applied: Fields | None,
    ) -> None:
        """Keeps ``managedFields`` up to date; a client may also set them itself, to take fields over."""
        stored = before["metadata"].get("managedFields", [])
        own = given is not None and given != stored and applied is None
        if applied is None and not own and _without_version(new) == _without_version(before):
            new["metadata"]["managedFields"] = stored
            return
        entries = managed_fields.read_entries(given if own else stored)
        manager = Manager(options.manager, "Update" if applied is None else "Apply", kind.api_version, subresource)
        before_fields, after_fields = fields_of(before, kind.type), fields_of(new, kind.type)
        if applied is None:
            entries = managed_fields.after_update(entries, manager, before_fields, after_fields)
        else:
            entries = managed_fields.after_apply(entries, manager, set(applied), before_fields, after_fields)
        new["metadata"]["managedFields"] = managed_fields.write_entries(entries)

    def _check_namespace(self, kind: Kind, key: Key) -> None:
        if not kind.namespaced:
            return
        found = self._objects[namespaces.KIND].get(("", key[0]))
        if found is None:
            raise errors.not_found("", "namespaces", key[0])
        if "deletionTimestamp" in found.object["metadata"]:
            detail = f"unable to create new content in namespace {key[0]} because it is being terminated"
            cause = {"reason": "NamespaceTerminating", "message": f"namespace {key[0]} is being terminated"}
            cause["field"] = "metadata.namespace"
            raise errors.forbidden(kind.group, kind.plural, key[1], detail, [cause])

    def delete(self, kind: Kind, key: Key, deletion: Deletion) -> tuple[Object, bool]:
        """Deletes an object, or marks it if something has to be done first; returns it, and whether it is gone.

        Raises:
            ApiError: there is no such object, or it is not the expected one.
        """
        old = self._objects.find(kind, key)
        metadata = old.object["metadata"]
        if kind is namespaces.KIND and key[1] in namespaces.LASTING:
            raise errors.forbidden("", "namespaces", key[1], "this namespace may not be deleted")
        for name, wanted, shown in (
            ("uid", deletion.uid, "UID"),
            ("resourceVersion", deletion.resource_version, "ResourceVersion"),
        ):
            if wanted and wanted != metadata[name]:
                detail = (
                    f"Precondition failed: {shown} in precondition: {wanted}, {shown} in object meta: {metadata[name]}"
                )
                raise errors.conflict(kind.group, kind.plural, key[1], detail)
        new = old.copy()
        finalizers = [name for name in metadata.get("finalizers", []) if name not in PROPAGATION.values()]
        waits = PROPAGATION.get(deletion.propagation)
        if waits is not None and any(True for _ in self._objects.owned_by(metadata["uid"])):
            finalizers.append(waits)
        new["metadata"]["finalizers"] = finalizers
        if not finalizers:
            del new["metadata"]["finalizers"]
        grace = _grace_period_s(kind, old.object, deletion)
        if deletion.dry_run:
            return new, True
        if not finalizers and grace == 0 and not (kind is namespaces.KIND and new["spec"].get("finalizers")):
            return self._objects[kind].remove(key).object, True
        before = metadata.get("deletionGracePeriodSeconds")
        if "deletionTimestamp" not in metadata or (before is not None and grace < before):
            new["metadata"]["deletionTimestamp"] = after(grace)
            new["metadata"]["deletionGracePeriodSeconds"] = grace
        if kind is namespaces.KIND:
            new["status"]["phase"] = "Terminating"
        if new == old.object:
            return new, False
        if kind.spec_parts:
            new["metadata"]["generation"] = metadata.get("generation", 0) + 1
        return self._objects[kind].put(key, new).object, False

    @staticmethod
    def _is_done(kind: Kind, given: Object) -> bool:
        """Whether an object that is being deleted has nothing left to wait for."""
        metadata = given["metadata"]
        if metadata.get("finalizers") or (kind is namespaces.KIND and given["spec"].get("finalizers")):
            return False
        return not metadata.get("deletionGracePeriodSeconds")


def _grace_period_s(kind: Kind, given: Object, deletion: Deletion) -> int:
    """Seconds that a pod has to end; nobody waits for one that no node runs."""
    if kind is not pods.KIND:
        return 0
    if not given["spec"].get("nodeName") or given["status"].get("phase") in ("Succeeded", "Failed"):
        return 0
    if deletion.grace_period_s is not None:
        return max(0, deletion.grace_period_s)
    return int(given["spec"].get("terminationGracePeriodSeconds", 30))


def _enter_namespace(kind: Kind, metadata: Object, namespace: str) -> None:
    if not kind.namespaced:
        if metadata.pop("namespace", ""):
            raise bad_request(f"namespace may not be set: {kind.plural} belong to no namespace")
    elif metadata.setdefault("namespace", namespace) != namespace:
        raise bad_request(
            "the namespace of the provided object does not match the namespace sent on the request: "
            f"{metadata['namespace']} is not {namespace}"
        )


def _other_name(given: str, name: str) -> ApiError:
    return bad_request(f"the name of the object ({given}) does not match the name on the URL ({name})")


def _check_identity(kind: Kind, key: Key, new: Object, old: Object) -> None:
    """Checks that the object that the client has in mind is the one that is there."""
    _enter_namespace(kind, new, key[0])
    if new.setdefault("name", key[1]) != key[1]:
        raise _other_name(new["name"], key[1])
    if new.get("uid", old["uid"]) != old["uid"]:
        detail = f"Precondition failed: UID in precondition: {new['uid']}, UID in object meta: {old['uid']}"
        raise errors.conflict(kind.group, kind.plural, key[1], detail)
    given = new.get("resourceVersion")
    if given and given != old["resourceVersion"]:
        raise errors.conflict(kind.group, kind.plural, key[1], errors.CHANGED)


def _subresource_only(old: Stored, new: Object, subresource: str) -> Object:
    """The old object with what a subresource may change."""
    changed = old.copy()
    if subresource == "status":
        changed["status"] = new.get("status", {})
    elif subresource == "ephemeralcontainers":
        added = new.get("spec", {}).get("ephemeralContainers", [])
        kept = [container.get("name") for container in added]
        for container in old.object["spec"].get("ephemeralContainers", []):
            if container["name"] not in kept:
                detail = "existing ephemeral containers may not be removed"
                found = [errors.forbidden_field("spec.ephemeralContainers", detail)]
                raise errors.invalid_object("", "Pod", old.object["metadata"]["name"], found)
        changed["spec"]["ephemeralContainers"] = added
    elif subresource == "binding":
        changed |= {"spec": new["spec"], "status": new["status"]}
    elif subresource == "finalize":
        changed["spec"]["finalizers"] = new.get("spec", {}).get("finalizers", [])
    return changed


def _keep_addresses(new: Object, old: Object) -> None:
    """A service that is replaced without its addresses keeps them."""
    spec, before = new["spec"], old["spec"]
    if "ExternalName" in (spec["type"], before["type"]):
        return
    for name in ("clusterIP", "clusterIPs"):
        if not spec.get(name):
            spec[name] = before[name]
    if spec["type"] == "ClusterIP" and before["type"] != "ClusterIP":
        for port in spec.get("ports", []):
            port.pop("nodePort", None)
        return
    ports = {(port["port"], port["protocol"]): port.get("nodePort") for port in before.get("ports", [])}
    for port in spec.get("ports", []):
        kept = ports.get((port.get("port"), port["protocol"]))
        if kept and not port.get("nodePort") and spec["type"] != "ClusterIP":
            port["nodePort"] = kept


def _without_version(given: Object) -> Object:
    metadata = {
        name: value for name, value in given["metadata"].items() if name not in ("resourceVersion", "managedFields")
    }
    return {**given, "metadata": metadata}
