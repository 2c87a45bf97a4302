"""Faults by seed: throttling, errors, lost answers, waits.

The n-th call of an operation meets the same fate for the same seed, whatever runs beside it.
"""

from __future__ import annotations

import random

from . import errors

BEFORE = ("throttle", "error500", "error503", "timeout", "drop")
AFTER = ("apply_then_drop",)


def draw(world, service, operation):
    """The fault this call meets, or None."""
    chances = world.config["faults"]
    if not any(chances.get(kind) for kind in BEFORE + AFTER):
        return None
    only = chances.get("only")
    name = f"{service}:{operation}"
    if only and name not in only:
        return None
    world.fault_attempts[name] += 1
    roll = random.Random(f"{chances.get('seed', 0)}/{name}/{world.fault_attempts[name]}").random()
    for kind in BEFORE + AFTER:
        chance = chances.get(kind, 0.0)
        if roll < chance:
            world.faults[kind] += 1
            return kind
        roll -= chance
    return None


def error_of(kind, service, protocol):
    if kind == "throttle":
        return errors.throttled(service, protocol)
    return errors.internal(service, protocol, 503 if kind == "error503" else 500)


def draw_s3(world, operation, headers):
    """The fault of a conditional write to S3, as an `AwsError`, or None."""
    chances = world.config["s3"]
    if operation != "PutObject" or not ({"if-match", "if-none-match"} & headers.keys()):
        return None
    if not any(chances.get(kind) for kind in ("put_412", "put_409", "put_503")):
        return None
    world.fault_attempts["s3:conditional"] += 1
    roll = random.Random(f"{chances.get('seed', 0)}/s3/{world.fault_attempts['s3:conditional']}").random()
    for kind, code, status, message in (
        ("put_412", "PreconditionFailed", 412, "At least one of the pre-conditions you specified did not hold"),
        ("put_409", "ConditionalRequestConflict", 409, "A conflicting operation occurred during the request."),
        ("put_503", "SlowDown", 503, "Please reduce your request rate."),
    ):
        chance = chances.get(kind, 0.0)
        if roll < chance:
            world.faults["s3_" + kind] += 1
            return errors.AwsError(code, message, status)
        roll -= chance
    return None
