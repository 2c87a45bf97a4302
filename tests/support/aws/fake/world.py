"""What the fake remembers beside moto: its own state by service and region, timers, configuration, counts.

State is plain data, so that a copy of it is what a reader sees who is behind (`eventual`).
"""

from __future__ import annotations

import copy
import heapq
import itertools
import threading
import time
from collections import Counter

ACCOUNT = "123456789012"
REGIONS = ("us-east-1", "eu-west-1")
READS = ("Describe", "Get", "List", "Head", "Search", "Simulate", "BatchGet", "Lookup")

DEFAULTS = {
    "regions": list(REGIONS),
    "creating": {},
    "modifying": {},
    "deleting": {},
    "faults": {},
    "eventual": 0.0,
    "eventual_writes": False,
    "deny": [],
    "simulate_deny": [],
    "credentials": "valid",
    "s3": {},
    "quotas": {},
    "price_list": {},
    "timeout_at_most_s": 30.0,
    "silence": {},
    "eks_api": {},
}


def is_read(operation):
    return operation.startswith(READS)


class World:
    def __init__(self, config=None):
        self.lock = threading.RLock()
        self.config = copy.deepcopy(DEFAULTS)
        self.sequence = itertools.count(1)
        self.forget()
        self.configure(config or {})

    def forget(self):
        """Drops state, timers and counts; the configuration stays."""
        self.states = {}
        self.stale = {}
        self.timers = []
        self.held = {}
        self.operations = Counter()
        self.faults = Counter()
        self.fault_attempts = Counter()
        self.writes = 0
        self.silent = 0
        self.measured = []
        self.measuring = {}

    def configure(self, changes):
        """Merges: a table's entries are merged one by one, anything else is replaced; null resets to the default."""
        for key, value in changes.items():
            if key not in DEFAULTS:
                raise KeyError(f"no such setting `{key}`: there are {', '.join(sorted(DEFAULTS))}")
            if value is None:
                self.config[key] = copy.deepcopy(DEFAULTS[key])
            elif isinstance(value, dict):
                self.config[key] = {**self.config[key], **value}
            else:
                self.config[key] = value
        if "faults" in changes:
            self.fault_attempts.clear()
        if "silence" in changes:
            self.writes = self.silent = 0

    def next_number(self):
        return next(self.sequence)

    # State ------------------------------------------------------------------------------------------------

    def state(self, service, region, is_behind=False):
        """The tables of a service in a region; for a reader who is behind, as they were before the last writes."""
        key = (service, region)
        if is_behind:
            copies = self.stale.get(key, [])
            now = time.monotonic()
            while copies and copies[0][0] <= now:
                copies.pop(0)
            if copies:
                return copies[0][1]
        return self.states.setdefault(key, {})

    def before_write(self, service, region):
        """Keeps a copy for those who are behind."""
        seconds = self.config["eventual"]
        if seconds > 0:
            kept = copy.deepcopy(self.states.get((service, region), {}))
            self.stale.setdefault((service, region), []).append((time.monotonic() + seconds, kept))

    # Timers -----------------------------------------------------------------------------------------------

    def later(self, seconds, action):
        """Runs `action` when the first request after `seconds` comes; at once for 0."""
        if seconds <= 0:
            action()
        else:
            heapq.heappush(self.timers, (time.monotonic() + seconds, self.next_number(), action))

    def run_timers(self):
        while self.timers and self.timers[0][0] <= time.monotonic():
            heapq.heappop(self.timers)[2]()

    # Lifecycle --------------------------------------------------------------------------------------------

    def seconds(self, phase, kind):
        table = self.config[phase]
        return float(table.get(kind, table.get("*", 0.0)))

    def start(self, item, phase, kind, name, then=None):
        """Puts an item into `creating`, `modifying` or `deleting` for as long as configured."""
        seconds = self.seconds(phase, kind)
        item["_phase"], item["_until"] = phase, time.monotonic() + seconds
        item["_kind"], item["_name"] = kind, name
        self.measuring[(kind, name)] = (phase, time.monotonic(), seconds)
        if then:
            self.later(seconds, lambda: (then(), self.settle(kind, name)))
        elif seconds <= 0:
            self.settle(kind, name)
        return seconds

    def phase(self, item):
        """`creating`, `modifying`, `deleting`, `gone` or `ready`, by the clock."""
        phase = item.get("_phase")
        if phase is None:
            return "ready"
        if time.monotonic() < item["_until"]:
            return phase
        if phase == "deleting":
            return "gone"
        self.settle(item["_kind"], item["_name"])
        return "ready"

    def settle(self, kind, name):
        """Notes how long it really took until someone saw it settled."""
        begun = self.measuring.pop((kind, name), None)
        if begun:
            phase, since, configured = begun
            took = time.monotonic() - since
            self.measured.append(
                {"kind": kind, "id": name, "phase": phase, "configured_s": configured, "seconds": round(took, 3)}
            )


def public(item):
    """An item without what only the fake knows of it."""
    return {key: value for key, value in item.items() if not key.startswith("_")}
