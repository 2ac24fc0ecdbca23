"""Names as Kubernetes checks them, in its words (``k8s.io/apimachinery/pkg/util/validation``): FlyteAdmin passes them on."""

from __future__ import annotations

import re

__all__ = ["label_name_errors", "label_value_errors", "project_errors"]

_NAME_FORM = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_NAME_TEXT = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
)
_LABEL_FORM = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN_FORM = rf"{_LABEL_FORM}(\.{_LABEL_FORM})*"
_LONGEST_NAME, _LONGEST_PREFIX = 63, 253


def label_name_errors(key: str) -> list[str]:
    """What is wrong with the key of a label."""
    prefix, slash, name = key.partition("/")
    wrong = _form(_NAME_TEXT, _NAME_FORM, "MyName", "my.name", "123-abc")
    if "/" in name:
        return [f"a qualified name {wrong} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"]
    if not slash:
        prefix, name = "", key
    errors = []
    if slash and not prefix:
        errors.append("prefix part must be non-empty")
    elif slash:
        errors += [f"prefix part {error}" for error in _subdomain_errors(prefix)]
    if not name:
        errors.append("name part must be non-empty")
    elif len(name) > _LONGEST_NAME:
        errors.append(f"name part must be no more than {_LONGEST_NAME} characters")
    if not re.fullmatch(_NAME_FORM, name):
        errors.append(f"name part {wrong}")
    return errors


def label_value_errors(value: str) -> list[str]:
    """What is wrong with the value of a label."""
    errors = [f"must be no more than {_LONGEST_NAME} characters"] if len(value) > _LONGEST_NAME else []
    if value and not re.fullmatch(_NAME_FORM, value):
        text = f"a valid label must be an empty string or {_NAME_TEXT.removeprefix('must ')}"
        errors.append(_form(text, f"({_NAME_FORM})?", "MyValue", "my_value", "12345"))
    return errors


def project_errors(project: str) -> list[str]:
    """What is wrong with the id of a project: it has to be a DNS label."""
    errors = [f"must be no more than {_LONGEST_NAME} characters"] if len(project) > _LONGEST_NAME else []
    if not re.fullmatch(_LABEL_FORM, project):
        if re.fullmatch(_SUBDOMAIN_FORM, project):
            return [*errors, "must not contain dots"]
        text = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end"
        errors.append(_form(f"{text} with an alphanumeric character", _LABEL_FORM, "my-name", "123-abc"))
    return errors


def _subdomain_errors(text: str) -> list[str]:
    errors = [f"must be no more than {_LONGEST_PREFIX} characters"] if len(text) > _LONGEST_PREFIX else []
    if not re.fullmatch(_SUBDOMAIN_FORM, text):
        wrong = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.'"
        end = "and must start and end with an alphanumeric character"
        errors.append(_form(f"{wrong}, {end}", _SUBDOMAIN_FORM, "example.com"))
    return errors


def _form(text: str, form: str, *examples: str) -> str:
    """As `RegexError` there puts it, with its two blanks before each ``or``."""
    given = " or ".join(f"'{example}', " for example in examples)
    return f"{text} (e.g. {given}regex used for validation is '{form}')"
