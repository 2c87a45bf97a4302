"""Which function answers which operation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from . import bridge, models
from .errors import AwsError

HANDLERS = {}
# Services of which moto is never asked.
OWN_SERVICES = {"eks", "rds", "elasticache", "pricing"}


def operation(service, *names):
    """Registers a function of a `Call` that returns the result by the model's member names, or a `Response`."""

    def register(function):
        for name in names:
            HANDLERS[(service, name)] = function
        return function

    return register


@dataclass
class Call:
    """One operation under way."""

    fake: Any
    service: str
    region: str
    operation: str
    params: dict
    protocol: str = ""
    request: Any = None
    is_bypass: bool = True

    @property
    def world(self):
        return self.fake.world

    @property
    def is_behind(self):
        return not self.is_bypass and self.world.config["eventual"] > 0

    def table(self, name, region=None, service=None):
        """A table of the service's own state: name -> item."""
        from .world import is_read

        behind = self.is_behind and is_read(self.operation)
        return self.world.state(service or self.service, region or self.region, behind).setdefault(name, {})

    def raw(self):
        """moto's answer to the request as it came."""
        protocol = models.internal_protocol(self.service)
        if self.request is None or self.protocol == "cbor":
            request = models.request_of(self.service, self.region, self.operation, self.params, protocol)
        else:
            request = self.request
        return bridge.send(request, self.service, self.operation)

    def moto(self, **changes):
        """moto's result for the call, some of its parameters changed (None takes one out)."""
        params = {key: value for key, value in {**self.params, **changes}.items() if value is not None}
        return bridge.call(self.service, self.region, self.operation, params)

    def aws(self, service, operation, region=None, **params):
        """Another operation, as the truth has it."""
        return self.fake.invoke(service, operation, region or self.region, params)

    def try_aws(self, service, operation, region=None, **params):
        """The same, None where AWS answers with an error."""
        try:
            return self.aws(service, operation, region, **params)
        except AwsError:
            return None

    def arn(self, rest, service=None, region=None):
        return f"arn:aws:{service or self.service}:{self.region if region is None else region}:123456789012:{rest}"
