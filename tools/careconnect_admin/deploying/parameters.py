"""Check a deployment's parameters: their names, their values, and what CloudFormation cannot compare."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from careconnect.audit.retention import ARCHIVE_DAYS, refusal
from careconnect.fhir.nearest_name import nearest_name
from careconnect_admin.stack.restored_tables import PARAMETER as RESTORED

_RELEASE: Final = "Release"
_DEFAULT_RELEASE: Final = "1"
_SECRET: Final = "OriginSecret"
_SECRET_CHARACTERS: Final = 8
_MAX_RELEASE: Final = 40
_AUDIT_DAYS: Final = "AuditRetentionDays"
_ARCHIVE_DAYS: Final = "ArchiveRetentionDays"


def faults(
    declared: Mapping[str, Mapping[str, Any]], given: Mapping[str, str], deployed: Mapping[str, str], region: str
) -> list[str]:
    """Return what is wrong with the `given` parameters, each as a text that says what to do.

    `declared` are the template's parameters, `deployed` the values that the stack has, which hold where none is given.
    """
    wrong = [_unknown(name, declared) for name in given.keys() - declared.keys()]
    wrong += [text for name in given.keys() & declared.keys() if (text := _refused(name, given[name], declared[name]))]
    staying = deployed.keys() & declared.keys() - given.keys()
    wrong += [text for name in staying if (text := _outdated(name, deployed[name], declared[name]))]
    if given.get(RESTORED, deployed.get(RESTORED, "")) != deployed.get(RESTORED, ""):
        wrong.append(f"{RESTORED} is set by `careconnect restore --switch` alone: leave it out")
    wrong += _lowered(given, deployed)
    if not wrong:
        defaults = {name: str(each["Default"]) for name, each in declared.items() if "Default" in each}
        wrong += _combined({**defaults, **deployed, **given}, region)
    return sorted(wrong)


def _unknown(name: str, declared: Mapping[str, Any]) -> str:
    near = nearest_name(name, declared)
    return f"there is no parameter {name}" + (f": did you mean {near}?" if near else ", see template.yaml")


def _refused(name: str, value: str, declared: Mapping[str, Any]) -> str:
    """Return why CloudFormation refuses a value, empty if it takes it. No text has the value: it may be a secret."""
    if (allowed := declared.get("AllowedValues")) and value not in map(str, allowed):
        return f"{name} is one of {', '.join(map(str, allowed))}"
    if declared["Type"] == "Number":
        low, high = declared.get("MinValue"), declared.get("MaxValue")
        if not re.fullmatch(r"\d{1,18}", value):
            return f"{name} is a number"
        if (low is not None and int(value) < low) or (high is not None and int(value) > high):
            return f"{name} is at least {low}" + ("" if high is None else f", and at most {high}")
    pattern, most = declared.get("AllowedPattern", ".*"), declared.get("MaxLength", len(value))
    if len(value) > most:
        return f"{name} has {most} characters at most"
    if not re.fullmatch(pattern, value):
        return f"{name} {declared.get('ConstraintDescription', f'has to match {pattern}')}".removesuffix(".")
    return ""


def _outdated(name: str, value: str, declared: Mapping[str, Any]) -> str:
    """Return why a deployed value cannot stay, empty if it can: CloudFormation checks it as if it was given."""
    options = [str(each) for each in declared.get("AllowedValues", (value,))]
    if value in options or declared.get("NoEcho"):
        return ""
    return f"{name} is {value} as deployed, and one of {', '.join(options)} from this release on: give one"


def _lowered(given: Mapping[str, str], deployed: Mapping[str, str]) -> Iterator[str]:
    """Yield that the archive would keep objects for less time than now.

    Its life-cycle rule would hide those of before from everybody but the verifier, which reads all versions, although
    nobody can delete them yet. From beyond the longest that is offered, as former releases allowed, that one is left.
    """
    before, after = deployed.get(_ARCHIVE_DAYS, "0"), given.get(_ARCHIVE_DAYS, "")
    if re.fullmatch(r"\d{1,18}", after) and int(after) < min(int(before), max(ARCHIVE_DAYS)):
        yield f"{_ARCHIVE_DAYS} is not lowered: reports would miss what is still locked (deployed: {before})"


def _combined(values: Mapping[str, str], region: str) -> Iterator[str]:
    """Yield what is wrong with values that are right one by one."""
    if why := refusal(int(values[_AUDIT_DAYS]), int(values[_ARCHIVE_DAYS])):
        yield why
    acl, domain = values["WebAclArn"], values["CustomDomain"]
    if acl and (":global/" in acl) != bool(domain):
        yield "WebAclArn has to be of the scope " + ("CLOUDFRONT (…:global/…)" if domain else "REGIONAL (…:regional/…)")
    for name, arn in (("AlarmTopicArn", values["AlarmTopicArn"]), ("WebAclArn", acl if ":regional/" in acl else "")):
        if arn and region and arn.split(":")[3] != region:
            yield f"{name} is of another region than the stack, {region}"


def with_release(given: Mapping[str, str], stack: str) -> dict[str, str]:
    """Return the parameters with a Release that changes with OriginSecret, which no version's description has.

    It ends in a digest of the secret that takes a tenth of a second to compute, so that nobody can guess by it. One
    that is given as empty, to have none from here on, leaves a Release without a digest.
    """
    if _SECRET not in given:
        return dict(given)
    if not given[_SECRET]:
        return {_RELEASE: _DEFAULT_RELEASE, **given}
    salt = f"careconnect {stack}".encode()
    digest = hashlib.scrypt(given[_SECRET].encode(), salt=salt, n=2**14, r=8, p=1, dklen=_SECRET_CHARACTERS // 2).hex()
    release = given.get(_RELEASE, _DEFAULT_RELEASE)[: _MAX_RELEASE - _SECRET_CHARACTERS - 1]
    return {**given, _RELEASE: f"{release}-{digest}"}


def kept(
    declared: Mapping[str, Mapping[str, Any]], given: Mapping[str, str], deployed: Mapping[str, str]
) -> dict[str, str]:
    """Return the values that were deployed, are not given and are not the template's: they stay in force.

    CloudFormation tells no secret, and not whether there is one, so none is among them.
    """
    return {
        name: value
        for name, value in sorted(deployed.items())
        if name in declared
        and name not in (*given, RESTORED)
        and not declared[name].get("NoEcho")
        and value != str(declared[name].get("Default", ""))
    }
