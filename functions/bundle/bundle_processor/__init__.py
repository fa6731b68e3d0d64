"""The Lambda function that takes Bundles: a batch's entries are answered one by one."""
