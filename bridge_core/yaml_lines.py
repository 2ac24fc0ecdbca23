"""YAML with line numbers, and with nothing that can hurt: no aliases (the "bombs"), no tags, no bottomless nesting.

Built on the parser's events, which PyYAML gives one by one without recursion: a broken or hostile file is refused at the line
where it goes wrong, before anything has grown. Duplicate keys, which YAML forbids and PyYAML takes, are errors too.
"""

from __future__ import annotations

from typing import Any

from .model.errors import ConfigError

__all__ = ["Located", "problem", "read_yaml"]

_DEEPEST = 20
_LARGEST = 20_000_000
_PLAIN_TAGS = ("tag:yaml.org,2002:str",)


class Located(dict[str, Any]):
    """A mapping that knows where it stands.

    Attributes:
        line: Its first line, from 1.
        lines: Key -> line of the key.
    """

    __slots__ = ("line", "lines")

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}

    def line_of(self, *keys: str) -> int:
        """The line of the first of these keys that is there; else of the mapping."""
        return next((self.lines[key] for key in keys if key in self.lines), self.line)

    def plain(self) -> dict[str, Any]:
        """Ordinary dicts all the way down."""
        return {key: _plain(value) for key, value in self.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Located):
        return value.plain()
    return [_plain(item) for item in value] if isinstance(value, list) else value


def problem(source: str, line: int, text: str) -> str:
    """How every message about a file begins."""
    return f"{source}, line {line}: {text}"


def read_yaml(text: str, source: str) -> Any:
    """Reads one document.

    Args:
        text: The file's content.
        source: Its name, for messages.

    Raises:
        ConfigError: With file, line and fix.
    """
    import yaml

    if len(text) > _LARGEST:
        raise ConfigError(problem(source, 1, f"{len(text)} characters; at most {_LARGEST}: split the file"))
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        return _Reader(loader, source).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        raise ConfigError(problem(source, line, f"not YAML: {error.problem}; check indentation and quotes")) from None
    except yaml.YAMLError as error:
        raise ConfigError(problem(source, 1, f"not YAML: {error}; save the file as UTF-8 text")) from None
    finally:
        loader.dispose()


class _Reader:
    def __init__(self, loader: Any, source: str) -> None:
        self._loader = loader
        self._source = source
        self._known: dict[str, Any] = {}

    def document(self) -> Any:
        """Walks the events with a stack of the collections that are open."""
        import yaml

        stack: list[list[Any] | Located] = []
        keys: list[str | None] = []
        root: list[Any] = []
        documents = 0
        read = self._loader.get_event
        while True:
            event = read()
            line = event.start_mark.line + 1
            if isinstance(event, yaml.CollectionEndEvent):
                stack.pop()
                keys.pop()
            elif isinstance(event, yaml.NodeEvent):
                if event.anchor is not None:  # an alias has one, too
                    raise self._refuse(line, "anchors (&) and aliases (*) are not read; write the values out")
                value = self._value(event, line)
                self._put(stack, keys, root, value, line)
                if isinstance(value, Located | list):
                    stack.append(value)
                    keys.append(None)
                    if len(stack) > _DEEPEST:
                        raise self._refuse(line, f"nested more than {_DEEPEST} deep; pass large inputs as files")
            elif isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self._refuse(line, "a second document begins; keep one, without '---' between triggers")
            elif isinstance(event, yaml.StreamEndEvent):
                break
        return root[0] if root else None

    def _value(self, event: Any, line: int) -> Any:
        import yaml

        if isinstance(event, yaml.ScalarEvent):
            if event.tag is None and not event.style:
                return self._scalar(event.value, line)
            if event.tag is None or event.tag in _PLAIN_TAGS:  # quoted: text. Plain is None or "", by parser
                return event.value
            raise self._refuse(line, f"the tag {event.tag!r} is not read; write plain values")
        if event.tag is not None and not event.implicit:
            raise self._refuse(line, f"the tag {event.tag!r} is not read; write plain values")
        return Located(line) if isinstance(event, yaml.MappingStartEvent) else []

    def _scalar(self, text: str, line: int) -> Any:
        """An unquoted scalar, by YAML 1.1's rules as PyYAML has them."""
        import yaml

        if text in self._known:
            return self._known[text]
        tag = self._loader.resolve(yaml.ScalarNode, text, (True, False))
        try:
            value = text if tag in _PLAIN_TAGS else self._loader.construct_object(yaml.ScalarNode(tag, text))
        except (ValueError, OverflowError, yaml.constructor.ConstructorError):
            raise self._refuse(
                line, f"{text!r} looks like {tag.rpartition(':')[2]} and is none; put it in quotes"
            ) from None
        self._known[text] = value
        return value

    def _put(
        self, stack: list[list[Any] | Located], keys: list[str | None], root: list[Any], value: Any, line: int
    ) -> None:
        if not stack:
            root.append(value)
            return
        parent, key = stack[-1], keys[-1]
        if isinstance(parent, list):
            parent.append(value)
        elif key is not None:
            parent[key] = value
            keys[-1] = None
        elif not isinstance(value, str):
            raise self._refuse(line, f"the key {value!r} is not text; put it in quotes")
        elif value in parent.lines:
            raise self._refuse(line, f"the key {value!r} is there already, on line {parent.lines[value]}; keep one")
        else:
            keys[-1] = value
            parent.lines[value] = line

    def _refuse(self, line: int, text: str) -> ConfigError:
        return ConfigError(problem(self._source, line, text))
