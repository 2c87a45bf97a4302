"""EKS's part in a call to its API server: whose is the token? A kube-apiserver asks by TokenReview.

It looks at what the token says; whether its signature is right, `tests/kubernetes/token.py` judges.
"""

from __future__ import annotations

import base64
import binascii
import datetime
from urllib.parse import parse_qs, urlsplit

AUDIENCE = "https://kubernetes.default.svc"


def review(world, asked):
    """The TokenReview with its status."""
    try:
        cluster = cluster_of(asked["spec"]["token"])
        status = {"authenticated": True, "user": {"username": f"creator of {cluster}", "groups": ["system:masters"]}}
    except (ValueError, KeyError, binascii.Error) as why:
        status = {"authenticated": False, "error": f"no token of EKS: {why}"}
    return {"apiVersion": asked["apiVersion"], "kind": "TokenReview", "status": status}


def cluster_of(token):
    prefix, _, encoded = token.partition(".")
    if prefix != "k8s-aws-v1":
        raise ValueError(f"it opens with {prefix[:20]!r}")
    url = urlsplit(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode())
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    host = url.hostname or ""
    if not host.startswith("sts.") or query["Action"] != "GetCallerIdentity":
        raise ValueError(f"it is not signed for sts:GetCallerIdentity, but for {host} {query.get('Action')}")
    if "x-k8s-aws-id" not in query["X-Amz-SignedHeaders"].split(";"):
        raise ValueError("the cluster's name is not among what is signed")
    signed = datetime.datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
    age = datetime.datetime.now(datetime.timezone.utc) - signed
    if not datetime.timedelta(minutes=-1) < age < datetime.timedelta(minutes=15):
        raise ValueError(f"it is from {signed}")
    return query["X-Amz-Credential"].split("/")[2]
