"""The other region of a global database writes from now on: argv[1] is its name, argv[2] that region."""

import sys

import boto3

rds = boto3.client("rds")
found = rds.describe_global_clusters(GlobalClusterIdentifier=sys.argv[1])["GlobalClusters"][0]
arns = [member["DBClusterArn"] for member in found["GlobalClusterMembers"]]
target = next(arn for arn in arns if arn.split(":")[3] == sys.argv[2])
rds.switchover_global_cluster(GlobalClusterIdentifier=sys.argv[1], TargetDbClusterIdentifier=target)
