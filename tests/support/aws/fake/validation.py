"""Refuses what botocore's models refuse: types, required members, enum values, lengths, ranges, patterns."""

from __future__ import annotations

import functools
import re

# Enums which AWS extends faster than anyone reads them, and patterns that are documentation only.
OPEN_ENUMS = {"InstanceType", "_InstanceType", "AmiType", "AMITypes"}
NUMBERS = {"integer", "long", "float", "double", "short", "byte"}
WITHOUT_PATTERNS = {"s3", "iam", "cloudfront", "logs", "cloudwatch", "elbv2", "ec2"}


class Refused(Exception):
    def __init__(self, message, is_missing=False):
        super().__init__(message)
        self.is_missing = is_missing


def check(service, shape, params):
    """Raises `Refused` with the first thing that is wrong."""
    if shape is not None:
        check_structure(service, shape, params, "")


def check_value(service, shape, value, path):
    kind = shape.type_name
    if kind == "structure":
        if not isinstance(value, dict):
            raise Refused(f"{path} is no structure")
        if not getattr(shape, "is_document_type", False):
            check_structure(service, shape, value, path)
    elif kind == "list":
        check_list(service, shape, value, path)
    elif kind == "map":
        if not isinstance(value, dict):
            raise Refused(f"{path} is no map")
        check_size(shape, len(value), path, "entries")
        for key, item in value.items():
            check_value(service, shape.key, key, f"{path} (key {key})")
            check_value(service, shape.value, item, f"{path}.{key}")
    elif kind == "string":
        check_string(service, shape, value, path)
    elif kind in NUMBERS:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise Refused(f"{path} is no number: {value!r}")
        check_size(shape, value, path, None)
    elif kind == "boolean" and not isinstance(value, bool):
        raise Refused(f"{path} is no boolean: {value!r}")


def check_structure(service, shape, value, path):
    for name in shape.required_members:
        if value.get(name) is None:
            raise Refused(f"The request must contain the parameter {path + '.' if path else ''}{name}", True)
    members = shape.members
    for name, item in value.items():
        if item is not None and name in members:
            check_value(service, members[name], item, f"{path}.{name}" if path else name)


def check_list(service, shape, value, path):
    if not isinstance(value, (list, tuple)):
        raise Refused(f"{path} is no list")
    check_size(shape, len(value), path, "elements")
    for index, item in enumerate(value):
        check_value(service, shape.member, item, f"{path}.{index + 1}")


def check_string(service, shape, value, path):
    if not isinstance(value, str):
        raise Refused(f"{path} is no string: {value!r}")
    enum = shape.metadata.get("enum")
    if enum and shape.name not in OPEN_ENUMS and value not in enum:
        shown = ", ".join(enum[:20])
        raise Refused(f"Value '{value}' at '{path}' failed to satisfy constraint: must be one of [{shown}]")
    check_size(shape, len(value), path, "characters")
    pattern = shape.metadata.get("pattern")
    if pattern and service not in WITHOUT_PATTERNS:
        compiled = compiled_pattern(pattern)
        if compiled and not compiled.fullmatch(value) and not compiled.search(value):
            raise Refused(f"Value '{value}' at '{path}' failed to satisfy constraint: must match {pattern}")


@functools.cache
def compiled_pattern(pattern):
    """Java's pattern as Python's, or None where Python does not know it."""
    try:
        return re.compile(pattern)
    except re.error:
        return None


def check_size(shape, size, path, unit):
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    what = f"{size} {unit}" if unit else f"{size}"
    if least is not None and size < float(least):
        raise Refused(f"Value at '{path}' failed to satisfy constraint: {what}, at least {least} are needed")
    if most is not None and size > float(most):
        raise Refused(f"Value at '{path}' failed to satisfy constraint: {what}, at most {most} are allowed")
