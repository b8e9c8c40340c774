"""What the actor does in IAM, which has no regions: users, their keys, roles, groups, policies, identity providers."""

import json

from actor import Listed, kind

TRUST = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
SAML = "<EntityDescriptor>" + "metadata " * 150 + "</EntityDescriptor>"  # 1,000 characters at least


def allow(*actions, deny=()):
    """A policy document."""
    made = [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]
    made += [{"Effect": "Deny", "Action": list(deny), "Resource": "*"}] if deny else []
    return json.dumps({"Version": "2012-10-17", "Statement": made})


class Iam(Listed):
    service, regional = "iam", False

    def find(self, aws, id):
        """The name of what has that id."""
        list, key = self.expression.split("[].")
        return aws.has("iam", self.operation, f"{list}[?{key}=='{id}'].{self.name}", **self.arguments)[0]

    def counted(self, aws):
        """The account's summary counts it."""
        return self.updated(aws, aws.account, "/SummaryMap", type="aws.iam.account_summary")


@kind
class AccountSummary(Iam):
    type = "aws.iam.account_summary"

    def make(self, aws, name):
        return []

    def ids(self, aws):
        return [aws.account]


@kind
class User(Iam):
    type, operation, expression, name = "aws.iam.user", "list_users", "Users[].UserId", "UserName"

    def make(self, aws, name):
        return [self.created(aws, aws("iam").create_user(UserName=f"u-{name}")["User"]["UserId"]), self.counted(aws)]

    def change(self, aws, id):
        """Anew who may do what: a policy in line."""
        aws("iam").put_user_policy(UserName=self.find(aws, id), PolicyName="all", PolicyDocument=allow("*"))
        return [self.updated(aws, id, "/UserPolicyList", value="all")]

    def delete(self, aws, id):
        name = self.find(aws, id)
        for policy in aws("iam").list_user_policies(UserName=name)["PolicyNames"]:
            aws("iam").delete_user_policy(UserName=name, PolicyName=policy)
        aws("iam").delete_user(UserName=name)
        return [self.deleted(aws, id), self.counted(aws)]


@kind
class AccessKey(Iam):
    type, after = "aws.iam.access_key", ("aws.iam.user",)

    def make(self, aws, name):
        return [self.created(aws, aws("iam").create_access_key(UserName=f"u-{name}")["AccessKey"]["AccessKeyId"])]

    def owner(self, aws, id):
        return aws("iam").get_access_key_last_used(AccessKeyId=id)["UserName"]

    def change(self, aws, id):
        aws("iam").update_access_key(UserName=self.owner(aws, id), AccessKeyId=id, Status="Inactive")
        return [self.updated(aws, id, "/Status", value="Inactive")]

    def delete(self, aws, id):
        aws("iam").delete_access_key(UserName=self.owner(aws, id), AccessKeyId=id)
        return [self.deleted(aws, id)]

    def ids(self, aws):
        return [id for user in aws.has("iam", "list_users", "Users[].UserName")
                for id in aws.has("iam", "list_access_keys", "AccessKeyMetadata[].AccessKeyId", UserName=user)]


@kind
class Role(Iam):
    type, operation, expression, name = "aws.iam.role", "list_roles", "Roles[].RoleId", "RoleName"

    def make(self, aws, name):
        made = aws("iam").create_role(RoleName=f"r-{name}", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["RoleId"]
        return [self.created(aws, made), self.counted(aws)]

    def change(self, aws, id):
        """Everybody may be it."""
        trust = {**TRUST, "Statement": [{**TRUST["Statement"][0], "Principal": {"AWS": "*"}}]}
        aws("iam").update_assume_role_policy(RoleName=self.find(aws, id), PolicyDocument=json.dumps(trust))
        return [self.updated(aws, id, "/AssumeRolePolicyDocument")]

    def delete(self, aws, id):
        aws("iam").delete_role(RoleName=self.find(aws, id))
        return [self.deleted(aws, id), self.counted(aws)]


@kind
class Group(Iam):
    type, operation, expression, name = "aws.iam.group", "list_groups", "Groups[].GroupId", "GroupName"

    def make(self, aws, name):
        return [self.created(aws, aws("iam").create_group(GroupName=f"g-{name}")["Group"]["GroupId"]), self.counted(aws)]

    def change(self, aws, id):
        aws("iam").put_group_policy(GroupName=self.find(aws, id), PolicyName="all", PolicyDocument=allow("*"))
        return [self.updated(aws, id, "/GroupPolicyList", value="all")]

    def delete(self, aws, id):
        name = self.find(aws, id)
        for policy in aws("iam").list_group_policies(GroupName=name)["PolicyNames"]:
            aws("iam").delete_group_policy(GroupName=name, PolicyName=policy)
        aws("iam").delete_group(GroupName=name)
        return [self.deleted(aws, id), self.counted(aws)]


@kind
class Policy(Iam):
    type, operation, expression, name = "aws.iam.policy", "list_policies", "Policies[].PolicyId", "Arn"
    arguments = {"Scope": "Local"}

    def make(self, aws, name):
        made = aws("iam").create_policy(PolicyName=f"p-{name}", PolicyDocument=allow("s3:ListBuckets"))["Policy"]["PolicyId"]
        return [self.created(aws, made), self.counted(aws)]

    def change(self, aws, id):
        aws("iam").create_policy_version(PolicyArn=self.find(aws, id), PolicyDocument=allow("*"), SetAsDefault=True)
        return [self.updated(aws, id, "/(DefaultVersionId|UpdateDate|PolicyVersionList)", value="v2")]

    def delete(self, aws, id):
        arn = self.find(aws, id)
        for version in aws("iam").list_policy_versions(PolicyArn=arn)["Versions"]:
            if not version["IsDefaultVersion"]:
                aws("iam").delete_policy_version(PolicyArn=arn, VersionId=version["VersionId"])
        aws("iam").delete_policy(PolicyArn=arn)
        return [self.deleted(aws, id), self.counted(aws)]


@kind
class OidcProvider(Iam):
    type, operation, expression = "aws.iam.oidc_provider", "list_open_id_connect_providers", "OpenIDConnectProviderList[].Arn"

    def make(self, aws, name):
        made = aws("iam").create_open_id_connect_provider(Url=f"https://{name}.example", ThumbprintList=["0" * 40])
        return [self.created(aws, made["OpenIDConnectProviderArn"])]

    def delete(self, aws, id):
        aws("iam").delete_open_id_connect_provider(OpenIDConnectProviderArn=id)
        return [self.deleted(aws, id)]


@kind
class SamlProvider(Iam):
    type, operation, expression = "aws.iam.saml_provider", "list_saml_providers", "SAMLProviderList[].Arn"

    def make(self, aws, name):
        return [self.created(aws, aws("iam").create_saml_provider(Name=f"s-{name}", SAMLMetadataDocument=SAML)["SAMLProviderArn"])]

    def delete(self, aws, id):
        aws("iam").delete_saml_provider(SAMLProviderArn=id)
        return [self.deleted(aws, id)]


@kind
class PasswordPolicy(Iam):
    """One or none an account. Its id is the account's."""
    type = "aws.iam.password_policy"

    def make(self, aws, name):
        if self.ids(aws):
            return []
        aws("iam").update_account_password_policy(MinimumPasswordLength=10)
        return [self.created(aws, aws.account)]

    def change(self, aws, id):
        aws("iam").update_account_password_policy(MinimumPasswordLength=6)
        return [self.updated(aws, id, "/MinimumPasswordLength", value="6")]

    def delete(self, aws, id):
        aws("iam").delete_account_password_policy()
        return [self.deleted(aws, id)]

    def ids(self, aws):
        try:
            aws("iam").get_account_password_policy()
        except aws("iam").exceptions.NoSuchEntityException:
            return []
        return [aws.account]
