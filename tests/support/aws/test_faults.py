"""Shows what the fake breaks and delays: creation times, faults, readers who are behind, refused callers."""

from __future__ import annotations

import time
import unittest

from botocore.exceptions import ClientError, ConnectionClosedError, HTTPClientError
from fake_case import TRUST, FakeAws


class Delays(FakeAws):
    def test_times(self):
        self.control("config", {"creating": {"eks:cluster": 0.3, "ec2:nat": 0.3, "elbv2": 0.3}, "deleting": {"eks:cluster": 0.3}})
        eks, ec2 = self.aws("eks"), self.aws("ec2")
        cluster, _, subnets = self.cluster()
        self.assertEqual((cluster["status"], "endpoint" in cluster), ("CREATING", False))
        self.refused("InvalidRequestException", eks.create_addon, clusterName="c", addonName="coredns")
        address = ec2.allocate_address(Domain="vpc")["AllocationId"]
        nat = ec2.create_nat_gateway(SubnetId=subnets[0], AllocationId=address, ClientToken="t")["NatGateway"]
        again = ec2.create_nat_gateway(SubnetId=subnets[0], AllocationId=address, ClientToken="t")["NatGateway"]
        self.assertEqual((nat["State"], nat["NatGatewayId"]), ("pending", again["NatGatewayId"]))
        balancer = self.aws("elbv2").create_load_balancer(Name="l", Subnets=subnets)["LoadBalancers"][0]
        self.assertEqual(balancer["State"]["Code"], "provisioning")
        time.sleep(0.35)
        self.assertEqual(eks.describe_cluster(name="c")["cluster"]["status"], "ACTIVE")
        self.assertEqual(ec2.describe_nat_gateways()["NatGateways"][0]["State"], "available")
        self.assertEqual(self.aws("elbv2").describe_load_balancers()["LoadBalancers"][0]["State"]["Code"], "active")
        eks.delete_cluster(name="c")
        self.assertEqual(eks.describe_cluster(name="c")["cluster"]["status"], "DELETING")
        time.sleep(0.35)
        self.refused("ResourceNotFoundException", eks.describe_cluster, name="c")
        measured = {(row["kind"], row["phase"]) for row in self.control("stats")["measured"]}
        self.assertLessEqual({("eks:cluster", "creating"), ("eks:cluster", "deleting"), ("ec2:nat", "creating")}, measured)


class Faults(FakeAws):
    def test_kinds(self):
        ec2, sdk = self.aws("ec2"), self.aws("ec2", as_sdk=True)
        for kind, error in (("throttle", "RequestLimitExceeded"), ("error500", "InternalError")):
            self.control("config", {"faults": None})
            self.control("config", {"faults": {"seed": 7, kind: 1.0}})
            self.refused(error, sdk.describe_vpcs)
            self.assertEqual(ec2.describe_vpcs()["Vpcs"], [])
        for kind, made in (("drop", 0), ("apply_then_drop", 1), ("timeout", 1)):
            self.control("config", {"faults": None})
            self.control("config", {"faults": {kind: 1.0, "timeout_s": 0.1}})
            with self.assertRaises((ConnectionClosedError, HTTPClientError)):
                sdk.create_vpc(CidrBlock="10.0.0.0/16")
            self.assertEqual(len(ec2.describe_vpcs()["Vpcs"]), made, kind)
        self.assertEqual(self.control("stats")["faults"]["apply_then_drop"], 1)

    def test_silence(self):
        ec2, sdk = self.aws("ec2"), self.aws("ec2", as_sdk=True)
        self.control("config", {"timeout_at_most_s": 0.2})
        for done, made in ((False, 1), (True, 3)):
            self.control("config", {"silence": None})
            self.control("config", {"silence": {"after_writes": 1, "done": done}})
            sdk.create_vpc(CidrBlock="10.0.0.0/16")
            for call in (lambda: sdk.create_vpc(CidrBlock="10.1.0.0/16"), sdk.describe_vpcs):
                with self.assertRaises((ConnectionClosedError, HTTPClientError)):
                    call()
            self.assertEqual(len(ec2.describe_vpcs()["Vpcs"]), made, done)
            self.assertEqual(self.control("stats")["silent"], 2)

    def test_seed(self):
        def fates():
            self.control("config", {"faults": None})
            self.control("config", {"faults": {"seed": 3, "throttle": 0.5}})
            answers = []
            for _ in range(20):
                try:
                    self.aws("eks", as_sdk=True).list_clusters()
                    answers.append(True)
                except ClientError:
                    answers.append(False)
            return answers

        first = fates()
        self.assertEqual(first, fates())
        self.assertIn(True, first)
        self.assertIn(False, first)

    def test_callers(self):
        self.control("config", {"deny": ["ec2:Create*", "rds:DescribeDBClusters"]})
        self.refused("UnauthorizedOperation", self.aws("ec2", as_sdk=True).create_vpc, CidrBlock="10.0.0.0/16")
        self.refused("AccessDenied", self.aws("rds", as_sdk=True).describe_db_clusters)
        told = self.aws("iam").simulate_principal_policy(PolicySourceArn="arn:aws:iam::123456789012:role/r", ActionNames=["ec2:CreateVpc", "s3:GetObject"])
        self.assertEqual([row["EvalDecision"] for row in told["EvaluationResults"]], ["implicitDeny", "allowed"])
        self.control("config", {"credentials": "expired"})
        self.refused("ExpiredToken", self.aws("sts", as_sdk=True).get_caller_identity)
        self.control("config", {"credentials": "invalid"})
        self.refused("InvalidClientTokenId", self.aws("sts", as_sdk=True).get_caller_identity)
        self.refused("UnrecognizedClientException", self.aws("kms", as_sdk=True).list_keys)

    def test_unknown(self):
        self.refused("InvalidAction", self.aws("ec2").describe_moving_addresses)
        self.refused("InvalidAction", self.aws("eks").list_insights, clusterName="c")
        self.refused("MissingParameter", self.aws("ec2").create_subnet)
        self.refused("ValidationException", self.aws("kms").create_key, KeySpec="NOPE")


class Behind(FakeAws):
    def test_ec2(self):
        truth, sdk = self.aws("ec2"), self.aws("ec2", as_sdk=True)
        self.control("config", {"eventual": 0.4})
        vpc = sdk.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.refused("InvalidVpcID.NotFound", sdk.describe_vpcs, VpcIds=[vpc])
        self.assertEqual((len(sdk.describe_vpcs()["Vpcs"]), len(truth.describe_vpcs()["Vpcs"])), (0, 1))
        time.sleep(0.45)
        self.assertEqual(len(sdk.describe_vpcs()["Vpcs"]), 1)
        sdk.create_tags(Resources=[vpc], Tags=[{"Key": "a", "Value": "b"}])
        of_tag = [{"Name": "tag:a", "Values": ["b"]}]
        self.assertEqual(sdk.describe_vpcs(Filters=of_tag)["Vpcs"], [])
        self.assertEqual(sdk.describe_tags()["Tags"], [])
        time.sleep(0.45)
        self.assertEqual(len(sdk.describe_vpcs(Filters=of_tag)["Vpcs"]), 1)
        sdk.delete_vpc(VpcId=vpc)
        self.assertEqual(len(sdk.describe_vpcs(VpcIds=[vpc])["Vpcs"]), 1)
        self.refused("InvalidVpcID.NotFound", truth.describe_vpcs, VpcIds=[vpc])

    def test_iam_and_own(self):
        iam, eks = self.aws("iam", as_sdk=True), self.aws("eks", as_sdk=True)
        self.cluster()
        self.control("config", {"eventual": 0.4})
        iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
        self.refused("NoSuchEntity", iam.get_role, RoleName="r")
        role = self.aws("iam").get_role(RoleName="r")["Role"]["Arn"]
        eks.create_access_entry(clusterName="c", principalArn=role)
        self.refused("ResourceNotFoundException", eks.describe_access_entry, clusterName="c", principalArn=role)
        self.aws("eks").describe_access_entry(clusterName="c", principalArn=role)
        eks.tag_resource(resourceArn=eks.describe_cluster(name="c")["cluster"]["arn"], tags={"a": "b"})
        self.assertEqual(eks.describe_cluster(name="c")["cluster"]["tags"], {})
        time.sleep(0.45)
        iam.get_role(RoleName="r")
        self.assertEqual(eks.describe_cluster(name="c")["cluster"]["tags"], {"a": "b"})


if __name__ == "__main__":
    unittest.main()
