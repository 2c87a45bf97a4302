"""Shows through boto3 over HTTP that the fake has what moto lacks of EKS, ElastiCache and RDS.

Run all with `python -m unittest discover -s tests/support/aws`.
"""

from __future__ import annotations

import unittest

from fake_case import FakeAws


class Eks(FakeAws):
    def test_cluster(self):
        eks, ec2 = self.aws("eks"), self.aws("ec2")
        cluster, vpc, subnets = self.cluster(version="1.33", upgradePolicy={"supportType": "STANDARD"})
        told = eks.describe_cluster(name="c")["cluster"]
        self.assertEqual((told["status"], told["version"], told["upgradePolicy"]["supportType"]), ("ACTIVE", "1.33", "STANDARD"))
        group = told["resourcesVpcConfig"]["clusterSecurityGroupId"]
        self.assertEqual(ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["VpcId"], vpc)
        self.refused("InvalidParameterException", eks.create_cluster, name="d", version="1.28", roleArn=told["roleArn"], resourcesVpcConfig={"subnetIds": subnets})
        self.refused("ResourceInUseException", eks.create_cluster, name="c", roleArn=told["roleArn"], resourcesVpcConfig={"subnetIds": subnets})
        self.refused("InvalidParameterException", eks.update_cluster_version, name="c", version="1.35")
        update = eks.update_cluster_version(name="c", version="1.34")["update"]
        self.assertEqual(eks.describe_update(name="c", updateId=update["id"])["update"]["status"], "Successful")
        eks.update_cluster_config(name="c", logging={"clusterLogging": [{"types": ["api"], "enabled": True}]})
        self.assertEqual(eks.describe_cluster(name="c")["cluster"]["logging"]["clusterLogging"][0], {"types": ["api"], "enabled": True})
        self.assertEqual(len(eks.describe_cluster_versions()["clusterVersions"]), 4)
        eks.tag_resource(resourceArn=told["arn"], tags={"a": "b"})
        self.assertEqual(eks.list_tags_for_resource(resourceArn=told["arn"])["tags"], {"a": "b"})
        self.refused("DependencyViolation", ec2.delete_subnet, SubnetId=subnets[0])
        eks.delete_cluster(name="c")
        self.refused("ResourceNotFoundException", eks.describe_cluster, name="c")
        self.refused("InvalidGroup.NotFound", ec2.describe_security_groups, GroupIds=[group])

    def test_nodegroups(self):
        eks = self.aws("eks")
        _, _, subnets = self.cluster(version="1.34")
        template = self.aws("ec2").create_launch_template(LaunchTemplateName="t", LaunchTemplateData={"InstanceType": "m6i.xlarge"})
        identifier = template["LaunchTemplate"]["LaunchTemplateId"]
        params = {"clusterName": "c", "nodegroupName": "n", "subnets": subnets, "nodeRole": self.role("node")}
        taints = [{"key": "k", "value": "v", "effect": "NO_SCHEDULE"}]
        self.refused("InvalidParameterException", eks.create_nodegroup, **params, taints=[{**taints[0], "effect": "NoSchedule"}])
        self.refused("InvalidParameterException", eks.create_nodegroup, **params, amiType="AL2_x86_64")
        eks.create_nodegroup(**params, taints=taints, launchTemplate={"id": identifier, "version": "1"}, labels={"x": "y"})
        told = eks.describe_nodegroup(clusterName="c", nodegroupName="n")["nodegroup"]
        self.assertEqual((told["taints"], told["launchTemplate"]["name"], told["status"]), (taints, "t", "ACTIVE"))
        eks.update_nodegroup_config(clusterName="c", nodegroupName="n", scalingConfig={"minSize": 1, "maxSize": 9, "desiredSize": 3})
        eks.update_nodegroup_version(clusterName="c", nodegroupName="n", launchTemplate={"id": identifier, "version": "1"})
        self.refused("ResourceInUseException", eks.delete_cluster, name="c")
        eks.delete_nodegroup(clusterName="c", nodegroupName="n")
        self.assertEqual(eks.list_nodegroups(clusterName="c")["nodegroups"], [])

    def test_addons_and_access(self):
        eks, role = self.aws("eks"), self.role("pod")
        self.cluster()
        version = eks.describe_addon_versions(addonName="vpc-cni", kubernetesVersion="1.35")["addons"][0]["addonVersions"][0]["addonVersion"]
        eks.create_addon(clusterName="c", addonName="vpc-cni", addonVersion=version)
        self.refused("InvalidParameterException", eks.create_addon, clusterName="c", addonName="none")
        eks.update_addon(clusterName="c", addonName="vpc-cni", configurationValues="{}")
        self.assertEqual(eks.list_addons(clusterName="c")["addons"], ["vpc-cni"])
        eks.delete_addon(clusterName="c", addonName="vpc-cni")
        self.refused("ResourceNotFoundException", eks.describe_addon, clusterName="c", addonName="vpc-cni")
        policy = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"
        entry = {"clusterName": "c", "principalArn": role}
        eks.create_access_entry(**entry)
        eks.update_access_entry(**entry, kubernetesGroups=["g"])
        eks.associate_access_policy(**entry, policyArn=policy, accessScope={"type": "cluster"})
        self.assertEqual(eks.list_associated_access_policies(**entry)["associatedAccessPolicies"][0]["policyArn"], policy)
        self.assertEqual(eks.describe_access_entry(**entry)["accessEntry"]["kubernetesGroups"], ["g"])
        eks.disassociate_access_policy(**entry, policyArn=policy)
        self.assertIn(role, eks.list_access_entries(clusterName="c")["accessEntries"])
        eks.delete_access_entry(**entry)
        made = eks.create_pod_identity_association(clusterName="c", namespace="n", serviceAccount="s", roleArn=role)["association"]
        named = {"clusterName": "c", "associationId": made["associationId"]}
        self.assertEqual(eks.describe_pod_identity_association(**named)["association"]["roleArn"], role)
        eks.update_pod_identity_association(**named, roleArn=role)
        self.assertEqual(len(eks.list_pod_identity_associations(clusterName="c")["associations"]), 1)
        eks.delete_pod_identity_association(**named)


class ElastiCache(FakeAws):
    def group(self, **more):
        cache = self.aws("elasticache")
        _, subnets = self.network()
        cache.create_cache_subnet_group(CacheSubnetGroupName="s", CacheSubnetGroupDescription="d", SubnetIds=subnets)
        params = {"ReplicationGroupId": "g", "ReplicationGroupDescription": "d", "CacheSubnetGroupName": "s", "EngineVersion": "7.0"}
        params |= {"CacheNodeType": "cache.r6g.large", "Engine": "redis", "AutomaticFailoverEnabled": True}
        return cache.create_replication_group(**{**params, **more})["ReplicationGroup"]

    def test_group(self):
        cache = self.aws("elasticache")
        self.group(NumCacheClusters=3, MultiAZEnabled=True, TransitEncryptionEnabled=True, AuthToken="a" * 20)
        told = cache.describe_replication_groups(ReplicationGroupId="g")["ReplicationGroups"][0]
        self.assertEqual((told["Status"], told["MultiAZ"], told["AuthTokenEnabled"]), ("available", "enabled", True))
        members = cache.describe_cache_clusters(ShowCacheNodeInfo=True)["CacheClusters"]
        self.assertEqual([member["CacheClusterId"] for member in members], ["g-001", "g-002", "g-003"])
        self.assertEqual((members[0]["EngineVersion"], members[0]["CacheSubnetGroupName"]), ("7.0.7", "s"))
        cache.test_failover(ReplicationGroupId="g", NodeGroupId="0001")
        cache.increase_replica_count(ReplicationGroupId="g", NewReplicaCount=3, ApplyImmediately=True)
        cache.decrease_replica_count(ReplicationGroupId="g", NewReplicaCount=1, ApplyImmediately=True)
        cache.modify_replication_group(ReplicationGroupId="g", SnapshotRetentionLimit=5, ApplyImmediately=True)
        self.refused("InvalidParameterValue", cache.modify_replication_group, ReplicationGroupId="g", CacheNodeType="cache.no")
        cache.add_tags_to_resource(ResourceName=told["ARN"], Tags=[{"Key": "a", "Value": "b"}])
        self.assertEqual(cache.list_tags_for_resource(ResourceName=told["ARN"])["TagList"], [{"Key": "a", "Value": "b"}])
        self.refused("CacheSubnetGroupInUse", cache.delete_cache_subnet_group, CacheSubnetGroupName="s")
        cache.delete_replication_group(ReplicationGroupId="g", FinalSnapshotIdentifier="last")
        self.assertEqual(cache.describe_snapshots()["Snapshots"][0]["SnapshotName"], "last")
        cache.delete_snapshot(SnapshotName="last")
        cache.delete_cache_subnet_group(CacheSubnetGroupName="s")
        self.refused("ReplicationGroupNotFoundFault", cache.describe_replication_groups, ReplicationGroupId="g")

    def test_shards_and_parameters(self):
        cache = self.aws("elasticache")
        cache.create_cache_parameter_group(CacheParameterGroupName="p", CacheParameterGroupFamily="redis7", Description="d")
        change = [{"ParameterName": "cluster-enabled", "ParameterValue": "yes"}]
        cache.modify_cache_parameter_group(CacheParameterGroupName="p", ParameterNameValues=change)
        clients = [{"ParameterName": "maxclients", "ParameterValue": "1"}]
        self.refused("InvalidParameterValue", cache.modify_cache_parameter_group, CacheParameterGroupName="p", ParameterNameValues=clients)
        told = cache.describe_cache_parameters(CacheParameterGroupName="p", Source="user")["Parameters"]
        self.assertEqual([(row["ParameterName"], row["ParameterValue"]) for row in told], [("cluster-enabled", "yes")])
        group = self.group(NumNodeGroups=3, ReplicasPerNodeGroup=1, CacheParameterGroupName="p")
        self.assertEqual((group["ClusterEnabled"], len(group["MemberClusters"])), (True, 6))
        cache.modify_replication_group_shard_configuration(ReplicationGroupId="g", NodeGroupCount=4, ApplyImmediately=True)
        self.assertEqual(len(cache.describe_replication_groups()["ReplicationGroups"][0]["NodeGroups"]), 4)
        self.refused("InvalidCacheParameterGroupState", cache.delete_cache_parameter_group, CacheParameterGroupName="p")
        self.assertTrue(cache.describe_cache_engine_versions(Engine="valkey")["CacheEngineVersions"])
        cache.delete_replication_group(ReplicationGroupId="g")
        cache.reset_cache_parameter_group(CacheParameterGroupName="p", ResetAllParameters=True)
        cache.delete_cache_parameter_group(CacheParameterGroupName="p")


class Rds(FakeAws):
    def database(self, region="us-east-1", **more):
        rds = self.aws("rds", region)
        _, subnets = self.network(region)
        rds.create_db_subnet_group(DBSubnetGroupName="s", DBSubnetGroupDescription="d", SubnetIds=subnets)
        params = {"DBClusterIdentifier": "d", "Engine": "aurora-postgresql", "EngineVersion": "15.15", "DBSubnetGroupName": "s"}
        params |= {"MasterUsername": "postgres", "MasterUserPassword": "longenough"}
        params = {key: value for key, value in {**params, **more}.items() if value is not None}
        return rds.create_db_cluster(**params)["DBCluster"]

    def test_cluster(self):
        rds = self.aws("rds")
        self.refused("InvalidParameterValue", self.database, EngineVersion="15.4")
        self.control("reset", {})
        made = self.database(MasterUserPassword=None, ManageMasterUserPassword=True, StorageType="aurora-iopt1", DeletionProtection=True)
        self.assertEqual(made["StorageType"], "aurora-iopt1")
        self.assertTrue(self.aws("secretsmanager").describe_secret(SecretId=made["MasterUserSecret"]["SecretArn"]))
        instance = {"DBClusterIdentifier": "d", "Engine": "aurora-postgresql"}
        self.refused("InvalidParameterValue", rds.create_db_instance, DBInstanceIdentifier="x", DBInstanceClass="db.nope", **instance)
        for name in "ab":
            rds.create_db_instance(DBInstanceIdentifier=name, DBInstanceClass="db.r6g.2xlarge", EnablePerformanceInsights=True, **instance)
        members = rds.describe_db_clusters(DBClusterIdentifier="d")["DBClusters"][0]["DBClusterMembers"]
        self.assertEqual([member["IsClusterWriter"] for member in members], [True, False])
        rds.failover_db_cluster(DBClusterIdentifier="d")
        rds.modify_db_instance(DBInstanceIdentifier="a", DBInstanceClass="db.r6g.4xlarge", ApplyImmediately=True)
        last = {"DBClusterIdentifier": "d", "FinalDBSnapshotIdentifier": "last"}
        self.refused("InvalidParameterCombination", rds.delete_db_cluster, **last)
        rds.modify_db_cluster(DBClusterIdentifier="d", DeletionProtection=False)
        self.refused("InvalidDBClusterStateFault", rds.delete_db_cluster, **last)
        for name in "ab":
            rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
        rds.delete_db_cluster(**last)
        self.assertEqual(rds.describe_db_cluster_snapshots()["DBClusterSnapshots"][0]["DBClusterSnapshotIdentifier"], "last")
        rds.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier="last")
        rds.delete_db_subnet_group(DBSubnetGroupName="s")

    def test_parameters(self):
        rds = self.aws("rds")
        name = {"DBClusterParameterGroupName": "p"}
        rds.create_db_cluster_parameter_group(**name, DBParameterGroupFamily="aurora-postgresql15", Description="d")
        self.database(**name)
        rds.create_db_instance(DBInstanceIdentifier="a", DBInstanceClass="db.r6g.large", DBClusterIdentifier="d", Engine="aurora-postgresql")

        def parameter(key, value, method="pending-reboot"):
            return {"ParameterName": key, "ParameterValue": value, "ApplyMethod": method}

        modify = rds.modify_db_cluster_parameter_group
        self.refused("InvalidParameterValue", modify, **name, Parameters=[parameter("max_wal_size", "1")])
        self.refused("InvalidParameterValue", modify, **name, Parameters=[parameter("max_connections", "1")])
        self.refused("InvalidParameterValue", modify, **name, Parameters=[parameter("work_mem", "64")] * 21)
        self.refused("InvalidParameterCombination", modify, **name, Parameters=[parameter("max_connections", "99", "immediate")])
        modify(**name, Parameters=[parameter("max_connections", "2000"), parameter("work_mem", "8192", "immediate")])
        rows = rds.describe_db_cluster_parameters(**name, Source="user")["Parameters"]
        self.assertEqual({row["ParameterName"]: row["ApplyMethod"] for row in rows}, {"max_connections": "pending-reboot", "work_mem": "immediate"})
        member = rds.describe_db_clusters()["DBClusters"][0]["DBClusterMembers"][0]
        self.assertEqual(member["DBClusterParameterGroupStatus"], "pending-reboot")
        rds.reboot_db_instance(DBInstanceIdentifier="a")
        member = rds.describe_db_clusters()["DBClusters"][0]["DBClusterMembers"][0]
        self.assertEqual(member["DBClusterParameterGroupStatus"], "in-sync")
        self.assertTrue(rds.describe_db_engine_versions(Engine="aurora-postgresql", EngineVersion="15.15")["DBEngineVersions"])
        self.assertFalse(rds.describe_db_engine_versions(Engine="aurora-postgresql", EngineVersion="15.4")["DBEngineVersions"])
        self.assertTrue(rds.describe_engine_default_cluster_parameters(DBParameterGroupFamily="aurora-postgresql15"))
        self.assertTrue(rds.describe_orderable_db_instance_options(Engine="aurora-postgresql", DBInstanceClass="db.r6g.2xlarge"))

    def test_global(self):
        rds, other = self.aws("rds"), self.aws("rds", "eu-west-1")
        rds.create_global_cluster(GlobalClusterIdentifier="g", Engine="aurora-postgresql", EngineVersion="15.15")
        self.database(GlobalClusterIdentifier="g")
        far = self.database("eu-west-1", GlobalClusterIdentifier="g", MasterUsername=None, MasterUserPassword=None)
        rds.modify_global_cluster(GlobalClusterIdentifier="g", DeletionProtection=True)
        rds.switchover_global_cluster(GlobalClusterIdentifier="g", TargetDbClusterIdentifier=far["DBClusterArn"])
        members = rds.describe_global_clusters()["GlobalClusters"][0]["GlobalClusterMembers"]
        self.assertEqual({member["DBClusterArn"]: member["IsWriter"] for member in members}[far["DBClusterArn"]], True)
        self.refused("InvalidDBClusterStateFault", other.delete_db_cluster, DBClusterIdentifier="d", SkipFinalSnapshot=True)
        near = rds.describe_db_clusters()["DBClusters"][0]["DBClusterArn"]
        rds.failover_global_cluster(GlobalClusterIdentifier="g", TargetDbClusterIdentifier=near, AllowDataLoss=True)
        for arn in (far["DBClusterArn"], near):
            rds.remove_from_global_cluster(GlobalClusterIdentifier="g", DbClusterIdentifier=arn)
        rds.modify_global_cluster(GlobalClusterIdentifier="g", DeletionProtection=False)
        rds.delete_global_cluster(GlobalClusterIdentifier="g")

    def test_proxy(self):
        rds = self.aws("rds")
        self.database()
        subnets = [subnet["SubnetIdentifier"] for subnet in rds.describe_db_subnet_groups()["DBSubnetGroups"][0]["Subnets"]]
        secret = self.aws("secretsmanager").create_secret(Name="s", SecretString="x")["ARN"]
        rds.create_db_proxy(DBProxyName="p", EngineFamily="POSTGRESQL", Auth=[{"SecretArn": secret}], RoleArn=self.role(), VpcSubnetIds=subnets)
        rds.register_db_proxy_targets(DBProxyName="p", DBClusterIdentifiers=["d"])
        self.assertEqual(rds.describe_db_proxy_targets(DBProxyName="p")["Targets"][0]["RdsResourceId"], "d")
        rds.modify_db_proxy_target_group(DBProxyName="p", TargetGroupName="default", ConnectionPoolConfig={"MaxConnectionsPercent": 90})
        group = rds.describe_db_proxy_target_groups(DBProxyName="p")["TargetGroups"][0]
        self.assertEqual(group["ConnectionPoolConfig"]["MaxConnectionsPercent"], 90)
        rds.modify_db_proxy(DBProxyName="p", RequireTLS=True)
        self.assertTrue(rds.describe_db_proxies()["DBProxies"][0]["RequireTLS"])
        rds.deregister_db_proxy_targets(DBProxyName="p", DBClusterIdentifiers=["d"])
        rds.delete_db_proxy(DBProxyName="p")


if __name__ == "__main__":
    unittest.main()
