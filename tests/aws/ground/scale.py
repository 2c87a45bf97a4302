"""What an autoscaler does: scale.py CLUSTER GROUP NODES"""

import sys

import boto3

cluster, group, nodes = sys.argv[1:]
boto3.client("eks").update_nodegroup_config(
    clusterName=cluster, nodegroupName=group, scalingConfig={"desiredSize": int(nodes)}
)
