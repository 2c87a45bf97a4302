"""A request's way: identify, refuse, break, look up, carry out, answer."""

from __future__ import annotations

import fnmatch
import time

from . import bridge, control, errors, eventual, faults, models, validation
from .errors import AwsError
from .registry import HANDLERS, OWN_SERVICES, Call
from .wire import Hangup, Response
from .world import World, is_read


class Fake:
    """The application that `wire` serves."""

    def __init__(self, config=None):
        from . import services  # noqa: F401  registers the handlers

        self.world = World(config)
        control.empty_world(self)

    def __call__(self, request):
        if request.path.startswith("/_fake/"):
            with self.world.lock:
                self.world.run_timers()
                return control.answer(self, request)
        try:
            service, region, operation, protocol, parse = models.identify(request)
        except models.Unidentified:
            return self.unidentified(request)
        is_bypass = "x-fake-bypass" in request.headers or request.headers.get("user-agent", "").startswith("Boto3")
        try:
            return self.stages(request, service, region, operation, protocol, parse, is_bypass)
        except AwsError as error:
            return errors.written(error, service, protocol)
        except Hangup:
            raise
        except Exception as why:  # A defect of the fake's must not look like an AWS that may recover.
            error = AwsError("FakeDefect", f"{service}:{operation}: {type(why).__name__}: {why}", 400)
            return errors.written(error, service, protocol)

    def unidentified(self, request):
        scope = models.scope(request.headers)
        service = scope[0] if scope else None
        if service in models.SERVICES:
            name = request.headers.get("x-amz-target") or f"{request.method} {request.path}"
            return errors.written(errors.unknown(service, name), service, models.internal_protocol(service))
        try:
            with self.world.lock:
                return bridge.send(request)
        except Exception:  # moto has no such service.
            name = request.headers.get("x-amz-target", f"{request.method} {request.path}").rsplit(".", 1)[-1]
            return errors.written(errors.unknown(service, name), service or "unknown", "json")

    def stages(self, request, service, region, operation, protocol, parse, is_bypass):
        world = self.world
        fault = silence = None
        if not is_bypass:
            with world.lock:
                world.operations[f"{service}.{operation}"] += 1
                self.refuse_caller(service, operation, protocol)
                fault = faults.draw(world, service, operation)
                silence = self.falls_silent(operation)
            self.break_before(fault, service, protocol)
        if silence and not silence.get("done"):
            self.stay_silent(silence)
        try:
            params = parse() or {}
            validation.check(service, models.operation_model(service, operation).input_shape, params)
        except validation.Refused as why:
            raise errors.invalid(service, protocol, str(why), why.is_missing) from why
        except (ValueError, TypeError, KeyError, AttributeError) as why:
            raise errors.invalid(service, protocol, f"the request can't be read: {why}") from why
        call = Call(self, service, region, operation, params, protocol, request, is_bypass)
        with world.lock:
            world.run_timers()
            if service == "s3" and not is_bypass and (error := faults.draw_s3(world, operation, request.headers)):
                raise error
            response = self.carry_out(call)
        if silence:
            self.stay_silent(silence)
        if fault == "apply_then_drop":
            raise Hangup
        return response

    def refuse_caller(self, service, operation, protocol):
        config = self.world.config
        if config["credentials"] != "valid":
            raise errors.credentials(config["credentials"], service, protocol)
        name = {"service-quotas": "servicequotas", "elbv2": "elasticloadbalancing"}.get(service, service)
        for action in (f"{service}:{operation}", f"{name}:{operation}"):
            if any(fnmatch.fnmatchcase(action.lower(), pattern.lower()) for pattern in config["deny"]):
                raise errors.denied(service, protocol, action)

    def falls_silent(self, operation):
        """The configured silence where it has begun: after so many writes, nothing is answered."""
        silence = self.world.config["silence"]
        if not silence:
            return None
        self.world.writes += not is_read(operation)
        if self.world.writes <= silence["after_writes"]:
            return None
        self.world.silent += 1
        return silence

    def stay_silent(self, silence):
        until = time.monotonic() + self.world.config["timeout_at_most_s"]
        while self.world.config["silence"] == silence and time.monotonic() < until:
            time.sleep(0.02)
        raise Hangup

    def break_before(self, fault, service, protocol):
        if fault in ("throttle", "error500", "error503"):
            raise faults.error_of(fault, service, protocol)
        if fault == "timeout":
            time.sleep(min(self.world.config["faults"].get("timeout_s", 30.0), self.world.config["timeout_at_most_s"]))
            raise Hangup
        if fault == "drop":
            raise Hangup

    def carry_out(self, call):
        """The call's answer as bytes."""
        if call.is_behind and call.service in eventual.SERVICES:
            return eventual.carry_out(call, self.result)
        result = self.result(call)
        return result if isinstance(result, Response) else self.written(call, result)

    def written(self, call, result):
        return models.answer(call.service, call.operation, call.protocol, result)

    def result(self, call):
        """The call's result: a dict by member names, or moto's bytes."""
        handler = HANDLERS.get((call.service, call.operation))
        if handler is None:
            if call.service in OWN_SERVICES:
                raise errors.unknown(call.service, call.operation)
            return self.from_moto(call)
        if call.service in OWN_SERVICES and not is_read(call.operation):
            for region in (call.region, "global"):
                self.world.before_write(call.service, region)
        result = handler(call)
        if isinstance(result, Response) and call.protocol == "cbor":
            return bridge.result_of(call.service, call.operation, "json", result)
        return {} if result is None else result

    def from_moto(self, call):
        if call.request is None:
            return call.moto()
        response = call.raw()
        if call.protocol == "cbor":
            return bridge.result_of(call.service, call.operation, "json", response)
        return response

    def invoke(self, service, operation, region, params):
        """An operation from within, by its own parameters, as the truth has it."""
        call = Call(self, service, region, operation, params)
        result = self.result(call)
        if isinstance(result, Response):
            protocol = models.internal_protocol(service)
            return bridge.result_of(service, operation, protocol, result)
        return result
