"""Makes what has the names of the tests' resources, and is somebody else's."""

import json

import boto3

boto3.client("secretsmanager").create_secret(Name="token", SecretString="theirs")
document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
boto3.client("iam").create_policy(PolicyName="readers", PolicyDocument=json.dumps(document))
boto3.client("cloudwatch").put_metric_alarm(
    AlarmName="lag",
    Namespace="theirs",
    MetricName="theirs",
    Statistic="Sum",
    Period=60,
    EvaluationPeriods=1,
    Threshold=1,
    ComparisonOperator="GreaterThanThreshold",
)
kms = boto3.client("kms")
key = kms.create_key(Description="theirs")["KeyMetadata"]["KeyId"]
kms.create_alias(AliasName="alias/valueverse-billing-prod-cache", TargetKeyId=key)
