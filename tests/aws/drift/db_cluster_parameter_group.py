"""A parameter that the plan leaves alone."""

import sys

import boto3

boto3.client("rds").modify_db_cluster_parameter_group(
    DBClusterParameterGroupName=sys.argv[1],
    Parameters=[{"ParameterName": "log_min_duration_statement", "ParameterValue": "250", "ApplyMethod": "immediate"}],
)
