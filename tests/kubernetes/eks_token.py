"""Judges a token of EKS: decodes it, and has botocore sign the same call at the same time.

token.py TOKEN REGION CLUSTER ACCESS_KEY SECRET_KEY [SESSION_TOKEN]; exits 1 and says what differs.
"""

import base64
import datetime
import sys
from unittest import mock
from urllib.parse import parse_qsl, urlsplit

from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

token, region, cluster, access_key, secret_key, session_token = sys.argv[1:]
prefix, _, encoded = token.partition(".")
assert prefix == "k8s-aws-v1", prefix
assert "=" not in encoded, "the encoding is padded"
url = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
parts = urlsplit(url)
query = dict(parse_qsl(parts.query))

suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
assert parts.scheme == "https" and parts.netloc == f"sts.{region}.{suffix}", url
assert query["Action"] == "GetCallerIdentity" and query["Version"] == "2011-06-15", query
assert query["X-Amz-Expires"] == "60", query
assert "x-k8s-aws-id" in query["X-Amz-SignedHeaders"].split(";"), query

signed_at = datetime.datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ")


request = AWSRequest(
    method="GET",
    url=f"https://sts.{region}.{suffix}/?Action=GetCallerIdentity&Version=2011-06-15",
    headers={"x-k8s-aws-id": cluster},
)
credentials = Credentials(access_key, secret_key, session_token or None)
signer = auth.SigV4QueryAuth(credentials, "sts", region, expires=60)
with mock.patch.object(auth, "get_current_datetime", lambda *_, **__: signed_at):
    signer.add_auth(request)
expected = dict(parse_qsl(urlsplit(request.url).query))
for key in sorted(expected.keys() | query.keys()):
    assert expected.get(key) == query.get(key), f"{key}: {query.get(key)}, and botocore says {expected.get(key)}"
