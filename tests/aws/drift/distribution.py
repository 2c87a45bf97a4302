"""A distribution that lets clients in without TLS and is at home everywhere."""

import sys

import boto3

cloudfront = boto3.client("cloudfront")
found = cloudfront.get_distribution_config(Id=sys.argv[1])
config = found["DistributionConfig"]
config["PriceClass"] = "PriceClass_All"
config["DefaultCacheBehavior"]["ViewerProtocolPolicy"] = "allow-all"
cloudfront.update_distribution(Id=sys.argv[1], IfMatch=found["ETag"], DistributionConfig=config)
