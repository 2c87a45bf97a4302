"""moto in this process: a request goes in, moto's answer comes out."""

from __future__ import annotations

import functools
import io
import json
import os
import re
import warnings

os.environ.update(
    MOTO_DISABLE_GLOBAL_CORS="true",
    MOTO_IAM_LOAD_MANAGED_POLICIES="true",
    MOTO_EC2_LOAD_DEFAULT_AMIS="false",
    MOTO_ACM_VALIDATION_WAIT="0",
    MOTO_ACCOUNT_ID="123456789012",
    AWS_ACCESS_KEY_ID="fake",
    AWS_SECRET_ACCESS_KEY="fake",
    AWS_EC2_METADATA_DISABLED="true",
)
warnings.filterwarnings("ignore")

from moto.core import responses  # noqa: E402
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app  # noqa: E402

from . import models  # noqa: E402
from .errors import AwsError, unknown  # noqa: E402
from .wire import Response  # noqa: E402

# AWS's managed policies that a platform attaches; all 1,600 of them would cost a third of a second at every reset.
MANAGED_POLICIES = re.compile(
    r"Amazon(EKS|EC2|EBS|EFS|ECR|RDS|S3|SSM|VPC|MSK|ElastiCache|Prometheus|Route53)|AWS(XRay|LoadBalancer|Backup)"
    r"|CloudWatch|SecretsManager|ElasticLoadBalancing|ReadOnlyAccess|AdministratorAccess|PowerUserAccess"
)
application = DomainDispatcherApplication(create_backend_app)
by_service = {}


def keep_few_policies():
    from moto.iam import models as iam

    policies = json.loads(iam.aws_managed_policies_data)
    kept = {name: policy for name, policy in policies.items() if MANAGED_POLICIES.match(name)}
    iam.aws_managed_policies_data = json.dumps(kept)


def look_up_methods_once():
    """moto lists a class's methods anew at each request, which is half of the time it takes."""
    responses.method_names_from_class = functools.cache(responses.method_names_from_class)


keep_few_policies()
look_up_methods_once()


def send(request, service=None, operation="?"):
    """moto's answer; what moto lacks is an `AwsError`, never HTML."""
    environ = models.environ_of(request)
    app = by_service.get(service)
    if app is None:
        app = application.get_application(environ)
        if service:
            by_service[service] = app
        environ["wsgi.input"] = io.BytesIO(request.body)
    answer = {}

    def start_response(status, headers, *_):
        answer["status"], answer["headers"] = int(status.split()[0]), dict(headers)

    try:
        chunks = app(environ, start_response)
        body = b"".join(chunks)
    except NotImplementedError as why:
        raise unknown(service, operation) from why
    headers = answer["headers"]
    is_html = "text/html" in headers.get("Content-Type", "") and body.lstrip()[:9].lower() in (b"<!doctype", b"<html lan")
    if is_html and answer["status"] >= 400:
        raise unknown(service, operation)
    return Response(answer["status"], headers, body)


def call(service, region, operation, params):
    """An operation of moto's by the model's member names."""
    protocol = models.internal_protocol(service)
    response = send(models.request_of(service, region, operation, params), service, operation)
    return result_of(service, operation, protocol, response)


def result_of(service, operation, protocol, response):
    parsed = models.parse_answer(service, operation, protocol, response)
    if response.status >= 300 and "Error" in parsed:
        error = parsed["Error"]
        raise AwsError(error.get("Code", "Unknown"), error.get("Message", ""), response.status)
    return parsed


def reset():
    """Forgets all that moto holds."""
    from moto.moto_api._internal.models import moto_api_backend

    moto_api_backend.reset()
