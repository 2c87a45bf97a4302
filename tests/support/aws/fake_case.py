"""A test case with the fake AWS running beside it, emptied between the tests."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import unittest
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

FOLDER = os.path.dirname(os.path.abspath(__file__))
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})


class Server:
    """The one server of this run, and the clients of it, which take long to make."""

    process, port, clients = None, None, {}

    @classmethod
    def start(cls):
        if cls.process is None:
            command = [sys.executable, os.path.join(FOLDER, "serve.py")]
            cls.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            cls.port = json.loads(cls.process.stdout.readline())["port"]
            atexit.register(cls.stop)

    @classmethod
    def stop(cls):
        cls.process.stdin.close()
        cls.process.wait(5)


class FakeAws(unittest.TestCase):
    """Empties the world before each test."""

    def setUp(self):
        Server.start()
        self.port = Server.port
        self.control("reset", {})
        defaults = ("creating", "deleting", "modifying", "faults", "eventual", "deny", "s3", "credentials", "quotas")
        defaults += ("silence", "timeout_at_most_s", "price_list")
        self.control("config", {name: None for name in defaults})

    def control(self, name, body=None):
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/_fake/{name}", data) as answer:
            return json.load(answer)

    def aws(self, service, region="us-east-1", as_sdk=False):
        key = (service, region, as_sdk)
        if key not in Server.clients:
            more = {"user_agent": "aws-sdk-rust/1"} if as_sdk else {}
            Server.clients[key] = boto3.client(
                service,
                region_name=region,
                endpoint_url=f"http://127.0.0.1:{self.port}",
                aws_access_key_id="AKIAFAKEFAKEFAKEFAKE",
                aws_secret_access_key="fake",
                config=Config(retries={"total_max_attempts": 1}, parameter_validation=False, **more),
            )
        return Server.clients[key]

    def refused(self, code, operation, **params):
        with self.assertRaises(ClientError) as caught:
            operation(**params)
        self.assertEqual(caught.exception.response["Error"]["Code"], code, str(caught.exception))
        return caught.exception

    def network(self, region="us-east-1"):
        ec2 = self.aws("ec2", region)
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{i}.0/24", AvailabilityZone=region + "abc"[i])["Subnet"]["SubnetId"]
            for i in range(3)
        ]
        return vpc, subnets

    def role(self, name="role"):
        return self.aws("iam").create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]

    def cluster(self, **more):
        vpc, subnets = self.network()
        params = {"name": "c", "roleArn": self.role("eks"), "resourcesVpcConfig": {"subnetIds": subnets}}
        params["accessConfig"] = {"authenticationMode": "API"}
        return self.aws("eks").create_cluster(**{**params, **more})["cluster"], vpc, subnets
