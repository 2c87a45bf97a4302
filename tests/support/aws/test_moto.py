"""Shows what the fake adds to moto's own services, and the inventory."""

from __future__ import annotations

import os
import sys
import unittest
import urllib.request

from fake_case import FakeAws

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from fake import cbor  # noqa: E402


class Network(FakeAws):
    def test_in_use(self):
        ec2, elb = self.aws("ec2"), self.aws("elbv2")
        vpc, subnets = self.network()
        group, other = (ec2.create_security_group(GroupName=name, Description="d", VpcId=vpc)["GroupId"] for name in "ab")
        ec2.authorize_security_group_ingress(GroupId=other, IpPermissions=[{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]}])
        self.refused("DependencyViolation", ec2.delete_security_group, GroupId=group)
        ec2.delete_security_group(GroupId=other)
        balancer = {"Name": "l", "Subnets": subnets, "SecurityGroups": [group]}
        arn = elb.create_load_balancer(**balancer)["LoadBalancers"][0]["LoadBalancerArn"]
        self.assertEqual(elb.create_load_balancer(**balancer)["LoadBalancers"][0]["LoadBalancerArn"], arn)
        self.refused("DuplicateLoadBalancerName", elb.create_load_balancer, **{**balancer, "Scheme": "internal"})
        for call, params in ((ec2.delete_security_group, {"GroupId": group}), (ec2.delete_subnet, {"SubnetId": subnets[0]}), (ec2.delete_vpc, {"VpcId": vpc})):
            self.refused("DependencyViolation", call, **params)
        protect = [{"Key": "deletion_protection.enabled", "Value": "true"}]
        elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=protect)
        self.refused("OperationNotPermitted", elb.delete_load_balancer, LoadBalancerArn=arn)
        elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[{**protect[0], "Value": "false"}])
        elb.delete_load_balancer(LoadBalancerArn=arn)
        address = ec2.allocate_address(Domain="vpc")["AllocationId"]
        nat = ec2.create_nat_gateway(SubnetId=subnets[0], AllocationId=address)["NatGateway"]["NatGatewayId"]
        self.refused("InvalidIPAddress.InUse", ec2.release_address, AllocationId=address)
        point = {"VpcId": vpc, "ServiceName": "com.amazonaws.us-east-1.ecr.api", "VpcEndpointType": "Interface", "SubnetIds": subnets[:1]}
        endpoint = ec2.create_vpc_endpoint(**point)["VpcEndpoint"]["VpcEndpointId"]
        ec2.delete_nat_gateway(NatGatewayId=nat)
        ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])
        self.refused("InvalidVpcEndpointId.NotFound", ec2.describe_vpc_endpoints, VpcEndpointIds=[endpoint])
        ec2.release_address(AllocationId=address)
        ec2.delete_security_group(GroupId=group)
        for subnet in subnets:
            ec2.delete_subnet(SubnetId=subnet)
        ec2.delete_vpc(VpcId=vpc)
        self.assertEqual(self.control("inventory"), [])


class Edge(FakeAws):
    def test_certificate(self):
        acm, dns, elb = self.aws("acm"), self.aws("route53"), self.aws("elbv2")
        request = {"DomainName": "a.example.com", "ValidationMethod": "DNS", "IdempotencyToken": "t"}
        arn = acm.request_certificate(**request)["CertificateArn"]
        self.assertEqual(acm.request_certificate(**request)["CertificateArn"], arn)
        told = acm.describe_certificate(CertificateArn=arn)["Certificate"]
        self.assertEqual(told["Status"], "PENDING_VALIDATION")
        vpc, subnets = self.network()
        balancer = elb.create_load_balancer(Name="l", Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
        group = elb.create_target_group(Name="t", Protocol="HTTP", Port=80, VpcId=vpc, TargetType="ip")["TargetGroups"][0]["TargetGroupArn"]
        forward = [{"Type": "forward", "TargetGroupArn": group}]
        listener = {"LoadBalancerArn": balancer, "Port": 443, "Protocol": "HTTPS", "DefaultActions": forward}
        self.refused("ValidationError", elb.create_listener, **listener)
        self.refused("UnsupportedCertificate", elb.create_listener, **listener, Certificates=[{"CertificateArn": arn}])
        zone = dns.create_hosted_zone(Name="example.com", CallerReference="1")["HostedZone"]["Id"]
        self.refused("HostedZoneAlreadyExists", dns.create_hosted_zone, Name="example.com", CallerReference="1")
        record = told["DomainValidationOptions"][0]["ResourceRecord"]
        change = {"Name": record["Name"], "Type": "CNAME", "TTL": 60, "ResourceRecords": [{"Value": record["Value"]}]}
        dns.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [{"Action": "UPSERT", "ResourceRecordSet": change}]})
        self.assertEqual(acm.describe_certificate(CertificateArn=arn)["Certificate"]["Status"], "ISSUED")
        elb.create_listener(**listener, Certificates=[{"CertificateArn": arn}])
        self.refused("DuplicateListener", elb.create_listener, **listener, Certificates=[{"CertificateArn": arn}])
        self.refused("ResourceInUseException", acm.delete_certificate, CertificateArn=arn)
        self.refused("ResourceInUse", elb.delete_target_group, TargetGroupArn=group)
        kinds = {(thing["service"], thing["kind"]) for thing in self.control("inventory")}
        self.assertLessEqual({("elbv2", "listener"), ("acm", "certificate"), ("route53", "record_set")}, kinds)

    def test_distribution(self):
        front = self.aws("cloudfront")
        origin = {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only"}
        config = {
            "CallerReference": "r",
            "Comment": "c",
            "Enabled": True,
            "Origins": {"Quantity": 1, "Items": [{"Id": "o", "DomainName": "o.example.com", "CustomOriginConfig": origin}]},
            "DefaultCacheBehavior": {"TargetOriginId": "o", "ViewerProtocolPolicy": "redirect-to-https"},
        }
        made = front.create_distribution(DistributionConfig=config)
        name = {"Id": made["Distribution"]["Id"]}
        self.refused("DistributionNotDisabled", front.delete_distribution, **name, IfMatch=made["ETag"])
        changed = front.update_distribution(**name, IfMatch=made["ETag"], DistributionConfig={**config, "Enabled": False})
        self.assertNotEqual(changed["ETag"], made["ETag"])
        self.refused("PreconditionFailed", front.delete_distribution, **name, IfMatch=made["ETag"])
        front.delete_distribution(**name, IfMatch=changed["ETag"])

    def test_one_policy_a_name(self):
        route53 = self.aws("route53")
        zone = route53.create_hosted_zone(Name="example.com", CallerReference="1")["HostedZone"]["Id"]

        def change(action, **more):
            record = {"Name": "api.example.com", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}], **more}
            batch = {"Changes": [{"Action": action, "ResourceRecordSet": record}]}
            route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)

        change("UPSERT")
        failover = {"SetIdentifier": "first", "Failover": "PRIMARY"}
        self.refused("InvalidChangeBatch", change, action="UPSERT", **failover)
        change("DELETE")
        change("UPSERT", **failover)
        self.refused("InvalidChangeBatch", change, action="UPSERT")

    def test_objects(self):
        s3, sdk = self.aws("s3"), self.aws("s3", as_sdk=True)
        s3.create_bucket(Bucket="bucket")
        name = {"Bucket": "bucket", "Key": "k"}
        tag = sdk.put_object(**name, Body=b"1", IfNoneMatch="*")["ETag"]
        self.refused("PreconditionFailed", sdk.put_object, **name, Body=b"2", IfNoneMatch="*")
        sdk.put_object(**name, Body=b"2", IfMatch=tag)
        self.refused("PreconditionFailed", sdk.put_object, **name, Body=b"3", IfMatch=tag)
        self.refused("PreconditionFailed", sdk.delete_object, **name, IfMatch=tag)
        self.refused("NoSuchKey", sdk.put_object, Bucket="bucket", Key="none", Body=b"3", IfMatch=tag)
        self.control("config", {"s3": {"put_409": 1.0}})
        self.refused("ConditionalRequestConflict", sdk.put_object, **name, Body=b"3", IfNoneMatch="*")
        self.assertEqual(sdk.get_object(**name)["Body"].read(), b"2")

    def test_small(self):
        logs, secrets, quotas = self.aws("logs"), self.aws("secretsmanager"), self.aws("service-quotas")
        logs.create_log_group(logGroupName="/x")
        self.refused("InvalidParameterException", logs.put_retention_policy, logGroupName="/x", retentionInDays=31)
        secrets.create_secret(Name="s", SecretString="x")
        secrets.delete_secret(SecretId="s")
        self.refused("InvalidRequestException", secrets.create_secret, Name="s", SecretString="x")
        self.control("config", {"quotas": {"vpc:L-F678F1CE": 1}})
        quota = quotas.get_service_quota(ServiceCode="vpc", QuotaCode="L-F678F1CE")["Quota"]
        self.assertEqual(quota["Value"], 1.0)
        self.assertTrue(quotas.list_service_quotas(ServiceCode="ec2")["Quotas"])
        self.aws("ec2").create_vpc(CidrBlock="10.0.0.0/16")
        self.refused("VpcLimitExceeded", self.aws("ec2").create_vpc, CidrBlock="10.1.0.0/16")

    def test_cbor(self):
        def call(operation, params):
            scope = "AKIAFAKEFAKEFAKEFAKE/20260101/us-east-1/monitoring/aws4_request"
            headers = {"smithy-protocol": "rpc-v2-cbor", "content-type": "application/cbor"}
            headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
            url = f"http://127.0.0.1:{self.port}/service/GraniteServiceVersion20100801/operation/{operation}"
            with urllib.request.urlopen(urllib.request.Request(url, cbor.dumps(params), headers)) as answer:
                return cbor.loads(answer.read())

        alarm = {"AlarmName": "a", "MetricName": "m", "Namespace": "n", "Statistic": "Sum", "Period": 60, "Threshold": 1.5}
        call("PutMetricAlarm", {**alarm, "EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanThreshold"})
        self.assertEqual(call("DescribeAlarms", {})["MetricAlarms"][0]["Threshold"], 1.5)
        with self.assertRaises(urllib.error.HTTPError) as caught:
            call("PutMetricAlarm", {**alarm, "Statistic": "Nope"})
        self.assertEqual(caught.exception.headers["x-amzn-query-error"], "InvalidParameterValue;Sender")
        self.assertEqual(cbor.loads(caught.exception.read())["__type"], "InvalidParameterValue")


if __name__ == "__main__":
    unittest.main()
