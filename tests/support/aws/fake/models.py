"""botocore's service models: which operation a request is, its parameters, and its answer's bytes."""

from __future__ import annotations

import functools
import io
import uuid
from urllib.parse import parse_qsl, unquote, urlencode

from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request as MotoRequest
from moto.core.routing import NotFound, get_service_router
from moto.core.serialize import DefaultAttributePicker, get_serializer_class
from moto.core.utils import get_service_model
from werkzeug.exceptions import HTTPException

from . import cbor
from .wire import Request, Response

# The name in a credential scope -> botocore's name; those not listed are the same in both.
BY_SIGNING_NAME = {
    "elasticloadbalancing": "elbv2",
    "monitoring": "cloudwatch",
    "servicequotas": "service-quotas",
}
SIGNING_NAMES = {name: signing for signing, name in BY_SIGNING_NAME.items()}
# What the models are loaded and enforced for. Other services are moto's alone.
SERVICES = (
    "ec2 iam kms logs cloudwatch secretsmanager ecr s3 eks rds elasticache elbv2 acm route53 cloudfront "
    "service-quotas sts ssm pricing"
).split()


class Unidentified(Exception):
    """No operation of a known service."""


@functools.cache
def service_model(service):
    return get_service_model(service)


@functools.cache
def operation_model(service, operation):
    return service_model(service).operation_model(operation)


@functools.cache
def internal_protocol(service):
    """What the fake speaks with moto: never CBOR, which moto lacks."""
    protocol = service_model(service).metadata["protocol"]
    return "json" if protocol == "smithy-rpc-v2-cbor" else protocol


@functools.cache
def request_parser(service, operation, protocol):
    return PROTOCOL_PARSERS[protocol](operation_model(service, operation))


@functools.cache
def answer_serializer(service, operation, protocol):
    serializer = get_serializer_class(service, protocol)
    return serializer(operation_model=operation_model(service, operation), value_picker=DefaultAttributePicker())


@functools.cache
def answer_parser(protocol):
    return create_parser(protocol)


@functools.cache
def request_serializer(protocol):
    return create_serializer(protocol, include_validation=False)


def scope(headers):
    """(service, region) of the credential scope, or None for an unsigned request."""
    try:
        parts = headers.get("authorization", "").split("Credential=", 1)[1].split(",")[0].split("/")
        return BY_SIGNING_NAME.get(parts[3].lower(), parts[3].lower()), parts[2]
    except IndexError:
        return None


def environ_of(request):
    """The request as WSGI's environ."""
    host = request.headers.get("host", "127.0.0.1")
    environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(request.path, "latin-1"),
        "QUERY_STRING": request.query,
        "RAW_URI": request.path + ("?" + request.query if request.query else ""),
        "REQUEST_URI": request.path + ("?" + request.query if request.query else ""),
        "SERVER_NAME": host.split(":")[0],
        "SERVER_PORT": host.partition(":")[2] or "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "CONTENT_LENGTH": str(len(request.body)),
    }
    for name, value in request.headers.items():
        key = name.upper().replace("-", "_")
        if key == "CONTENT_TYPE":
            environ[key] = value
        elif key not in ("CONTENT_LENGTH", "TRANSFER_ENCODING"):
            environ["HTTP_" + key] = value
    return environ


def identify(request):
    """(service, region, operation, protocol, parse) where `parse()` gives the parameters."""
    found = scope(request.headers)
    if found is None or found[0] not in SERVICES:
        raise Unidentified
    service, region = found
    model = service_model(service)
    target = request.headers.get("x-amz-target")
    operation = target.rsplit(".", 1)[-1] if target else request.path.rsplit("/", 1)[-1]
    is_cbor = request.headers.get("smithy-protocol") == "rpc-v2-cbor"
    if (is_cbor or (target and internal_protocol(service) == "json")) and operation not in model.operation_names:
        raise Unidentified
    if is_cbor:
        return service, region, operation, "cbor", lambda: cbor.loads(request.body) or {}
    if target and internal_protocol(service) == "json":
        return service, region, operation, "json", lambda: parse_json(service, operation, request)
    if internal_protocol(service) in ("query", "ec2") or (
        service == "cloudwatch" and "x-www-form-urlencoded" in request.headers.get("content-type", "")
    ):
        form = dict(parse_qsl(request.body.decode() or request.query, keep_blank_values=True))
        operation = form.get("Action", "")
        if operation not in model.operation_names:
            raise Unidentified
        protocol = "ec2" if service == "ec2" else "query"
        return service, region, operation, protocol, lambda: parse_form(service, operation, protocol, form)
    return identify_rest(service, region, request)


def identify_rest(service, region, request):
    wrapped = MotoRequest(environ_of(request))
    try:
        operation, labels = get_service_router(service).match(wrapped)
    except (NotFound, HTTPException, NotImplementedError) as why:
        raise Unidentified from why
    protocol = internal_protocol(service)

    def parse():
        return request_parser(service, operation.name, protocol).parse(
            {
                "method": request.method,
                "values": wrapped.args,
                "headers": wrapped.headers,
                "body": request.body,
                "url_path": request.path,
                "url_params": labels,
            }
        )

    return service, region, operation.name, protocol, parse


def parse_json(service, operation, request):
    if operation_model(service, operation).input_shape is None:
        return {}
    return request_parser(service, operation, "json").parse({"body": request.body})


def parse_form(service, operation, protocol, form):
    if operation_model(service, operation).input_shape is None:
        return {}
    return request_parser(service, operation, protocol).parse({"values": form})


def answer(service, operation, protocol, result):
    """A result by the model's member names as the protocol's bytes."""
    request_id = str(uuid.uuid4())
    if protocol == "cbor":
        headers = {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor", "x-amzn-RequestId": request_id}
        return Response(200, headers, cbor.dumps(plain(result)))
    written = answer_serializer(service, operation, protocol).serialize(result)
    body = written["body"]
    headers = {"x-amzn-RequestId": request_id, **written["headers"]}
    status = operation_model(service, operation).http.get("responseCode", written["status_code"])
    return Response(status, headers, body if isinstance(body, bytes) else body.encode())


def plain(value):
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def parse_answer(service, operation, protocol, response):
    """moto's bytes as a result by the model's member names; an error as `{"Error": …}`."""
    model = operation_model(service, operation)
    parts = {"status_code": response.status, "headers": Lower(response.headers), "body": response.body}
    if model.has_streaming_output and response.status < 300:
        return {}
    parsed = answer_parser(protocol).parse(parts, model.output_shape)
    parsed.pop("ResponseMetadata", None)
    return parsed


class Lower(dict):
    """Headers by any spelling of their names, which botocore's parsers ask for."""

    def __init__(self, headers):
        super().__init__({name.lower(): value for name, value in headers.items()})

    def get(self, name, default=None):
        return super().get(name.lower(), default)

    def __contains__(self, name):
        return super().__contains__(name.lower())

    def __getitem__(self, name):
        return super().__getitem__(name.lower())


def request_of(service, region, operation, params, protocol=None):
    """The request that carries an operation, signed only so far that moto knows service and region."""
    protocol = protocol or internal_protocol(service)
    written = request_serializer(protocol).serialize_to_request(params, operation_model(service, operation))
    body = written["body"]
    if isinstance(body, dict):
        body = urlencode(body, doseq=True)
    query = written.get("query_string") or {}
    headers = {name.lower(): value for name, value in written.get("headers", {}).items()}
    credential = f"AKIAFAKEFAKEFAKEFAKE/20260101/{region}/{SIGNING_NAMES.get(service, service)}/aws4_request"
    headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0"
    headers.setdefault("host", "127.0.0.1")
    if protocol in ("query", "ec2"):
        headers["content-type"] = "application/x-www-form-urlencoded; charset=utf-8"
    path, _, own_query = written["url_path"].partition("?")
    query = query if isinstance(query, str) else urlencode(query, doseq=True)
    body = body.encode() if isinstance(body, str) else bytes(body or b"")
    return Request(written["method"], path, "&".join(filter(None, (own_query, query))), headers, body)
