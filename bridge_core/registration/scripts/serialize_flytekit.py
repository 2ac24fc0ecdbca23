"""Serialises flytekit code. Runs in the user's interpreter, on its own: it imports nothing of flyte-bridge.

Commands come as lines of JSON on standard input, one answer each goes back on what was standard output; what user code prints
goes to standard error. ``load`` imports the sources and tells which files they are made of; ``serialize`` writes the entities
for given settings as files, as often as it is asked: the version is a digest of the first time's result. ``read`` tells what all
this was made of.
"""

import contextlib
import gc
import importlib.util
import inspect
import json
import os
import sys
import traceback


def answer(session):
    """Answers until standard input ends."""
    gc.disable()  # it lives for seconds, and importing an SDK makes the collector walk a million objects again and again
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        command = json.loads(line)
        try:
            op = command.pop("op")
            said = {"ok": True, **(READING.told() if op == "read" else getattr(session, op)(**command))}
        except Refused as refused:
            said = {"ok": False, "kind": refused.kind, "error": refused.text}
        except BaseException as error:  # SystemExit of a script is a mistake of the script here
            said = {"ok": False, "kind": "code", "error": told(error, session.root)}
        answers.write(json.dumps(said) + "\n")
        answers.flush()
    sys.stderr.flush()
    os._exit(0)  # taking a million objects down takes as long as using them


class Reading:
    """What this process reads, and what else it does, as Python itself tells (PEP 578)."""

    ACTS = frozenset({
        "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system", "socket.connect", "socket.sendto",
        "subprocess.Popen",
    })  # fmt: skip
    WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT

    def __init__(self):
        self.opened, self.did = set(), ""
        sys.addaudithook(self.hear)

    @contextlib.contextmanager
    def apart(self):
        """What is done meanwhile is not the code's doing."""
        before = self.did
        yield
        self.did = before

    def hear(self, event, arguments):
        """One event; thousands come, so what is of no use is left at once."""
        if event == "open":
            path, _, flags = arguments
            if isinstance(path, str) and not path.endswith(".pyc") and not (flags or 0) & self.WRITES:
                self.opened.add(path)
        elif event in self.ACTS and not self.did:
            self.did = event

    def told(self):
        """Files that were read or looked for, and the folders in which modules are looked for."""
        modules = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
        files = {os.path.abspath(path) for path in [*self.opened, *modules] if isinstance(path, str)}
        return {
            "files": sorted(path for path in files if not path.startswith(("/proc/", "/dev/", "/sys/"))),
            "folders": sorted(os.path.abspath(path) for path in sys.path if os.path.isdir(path)),
            "did": self.did,
        }


READING = Reading()
STARTED_WITH = list(sys.path[1:])
"""Where modules were looked for before anybody added to it: ``PYTHONPATH`` and what is installed; not this script's folder."""


class Refused(Exception):
    """What we refuse, by a word that the other side knows."""

    def __init__(self, kind, text):
        super().__init__(text)
        self.kind, self.text = kind, text


class Session:
    """One set of sources."""

    def __init__(self):
        self.root = ""
        self.paths = []

    def load(self, sources, root, copy, sync_paths):
        """Imports the sources; tells their root, files, and what they need."""
        with READING.apart():
            try:
                import flytekit
            except ImportError as error:
                raise Refused("sdk", str(error)) from None
            from flytekit.constants import CopyFileDetection
            from flytekit.core.context_manager import FlyteContextManager
            from flytekit.tools import module_loader, repo

        if not root:
            root = str(repo.find_common_root(sources))
        self.root = root
        modules = [name for source in sources for name in modules_of(source, root)]
        for entry in (root, os.getcwd()):  # as ``python`` itself would have it
            if entry not in sys.path:
                sys.path.insert(0, entry)
        self.settings = self._settings()
        builder = FlyteContextManager.current_context().with_serialization_settings(self.settings)
        with FlyteContextManager.with_context(builder), module_loader.add_sys_path(root):
            module_loader.just_load_modules(pkgs=modules)
        self.paths = paths_below(root, STARTED_WITH) if sync_paths and copy != "none" else []
        files = []
        if copy != "none":
            from flytekit.tools.ignore import DockerIgnore, FlyteIgnore, GitIgnore, IgnoreGroup, StandardIgnore
            from flytekit.tools.script_mode import list_imported_modules_as_files, ls_files

            with READING.apart():  # asks git
                ignore = IgnoreGroup(root, [GitIgnore, DockerIgnore, StandardIgnore, FlyteIgnore])
            if copy == "auto":
                found = list_imported_modules_as_files(root, loaded_below(root))
                files = [name for name in found if not ignore.is_ignored(name)]
            else:
                files, _ = ls_files(root, CopyFileDetection.ALL, deref_symlinks=True, ignore_group=ignore)
        return {
            "root": root,
            "files": sorted(os.path.relpath(name, root) for name in files),
            "entities": len(self._entities()),
            "flyte2": flyte2_environments(),
            "images": self._image_specs(),
            "sdk": getattr(flytekit, "__version__", ""),
            "prefixes": sorted({sys.prefix, sys.base_prefix, os.path.dirname(sys.executable)}),
        }

    def serialize(  # noqa: PLR0917
        self, project, domain, version, images, env, destination, code, git_repo, account, raw_data, folder
    ):
        """Writes every entity as a file of its own; tells their names in order, and which launch plans want to be active."""
        from flytekit.configuration import FastSerializationSettings
        from flytekit.models.launch_plan import LaunchPlan
        from flytekit.models.task import TaskSpec
        from flytekit.tools import repo
        from flytekit.tools.translator import Options

        settings = self.settings
        settings.project, settings.domain, settings.version = project, domain, version
        settings.env = self._env(env, destination) if code else env
        if images:
            from flytekit.configuration import ImageConfig

            settings.image_config = ImageConfig.validate_image(None, "image", tuple(images))
        with READING.apart():  # asks git
            settings.git_repo = git_repo if git_repo is not None else repository(self.root)
        settings.fast_serialization_settings = (
            FastSerializationSettings(enabled=True, destination_dir=destination, distribution_location=code)
            if code
            else None
        )
        options = Options.default_from(k8s_service_account=account or "", raw_data_prefix=raw_data or "")
        found = repo.serialize_get_control_plane_entities(settings, self.root, options, is_registration=True)
        written = []
        for number, entity in enumerate(found):
            kind = (
                "launch_plan"
                if isinstance(entity, LaunchPlan)
                else "task"
                if isinstance(entity, TaskSpec)
                else "workflow"
            )
            name = f"{number:06d}.pb"
            with open(os.path.join(folder, name), "wb") as file:
                file.write(entity.serialize_to_string())
            active = bool(getattr(entity, "should_auto_activate", False)) if kind == "launch_plan" else False
            written.append({"file": name, "kind": kind, "activate": active})
        return {"entities": written}

    def _env(self, env, destination):
        """The variables of containers, in which what is imported here from below the root is imported from there."""
        if not self.paths:
            return env
        env = dict(env or {})
        found = [os.path.join(destination, path) for path in self.paths]
        env["PYTHONPATH"] = ":".join([*found, *filter(None, [env.get("PYTHONPATH")])])
        return env

    def _settings(self):
        from flytekit.configuration import ImageConfig, SerializationSettings
        from flytekit.configuration.default_images import DefaultImages

        image = ImageConfig.validate_image(None, "image", (DefaultImages.default_image(),))
        settings = SerializationSettings(project=None, domain=None, version=None, image_config=image, env=None)
        if "default_resources" in inspect.signature(SerializationSettings).parameters:
            from flytekit.core.resources import Resources, ResourceSpec

            settings.default_resources = ResourceSpec(requests=Resources(), limits=Resources())
        return settings

    def _entities(self):
        from flytekit.core.context_manager import FlyteEntities

        return FlyteEntities.entities

    def _image_specs(self):
        """Images that the code describes instead of naming: (task, what it would be called)."""
        from flytekit.image_spec.image_spec import ImageSpec

        out = []
        for entity in self._entities():
            image = getattr(entity, "container_image", None)
            if isinstance(image, ImageSpec):
                out.append([entity.name, image.name or "flytekit"])
        return out


def modules_of(source, root):
    """Dotted names of a file, or of all modules of a folder, below the root."""
    path = os.path.relpath(os.path.realpath(source), os.path.realpath(root))
    if path.startswith(os.pardir):
        raise Refused("root", f"{source} is not below the source root {root}")
    if os.path.isdir(source):
        if path == os.curdir:
            return sorted(
                name.removesuffix(".py")
                for name in os.listdir(source)
                if (name.endswith(".py") and name[:-3].isidentifier())
                or os.path.isfile(os.path.join(source, name, "__init__.py"))
            )
        return [path.replace(os.sep, ".")]
    return [os.path.splitext(path)[0].replace(os.sep, ".")]


def loaded_below(root):
    """Modules with files below the root. Of a lazy one the spec is asked: asking the module itself would import it."""
    begin = os.path.abspath(root) + os.sep
    found = []
    for module in list(sys.modules.values()):
        if type(module) is getattr(importlib.util, "_LazyModule", None):
            file = getattr(object.__getattribute__(module, "__spec__"), "origin", None)
        else:
            file = getattr(module, "__file__", None)
        if isinstance(file, str) and os.path.abspath(file).startswith(begin):
            found.append(module)
    return found


def paths_below(root, entries):
    """Folders below the root that modules are looked for in, besides those of installations; relative, in order."""
    top, found = os.path.realpath(root), []
    installed = tuple(os.path.realpath(place) + os.sep for place in (sys.prefix, sys.base_prefix))
    for entry in entries:
        place = os.path.realpath(entry or os.curdir)
        inside = place.startswith(top + os.sep) and os.path.isdir(place)
        if inside and not (place + os.sep).startswith(installed) and "site-packages" not in place.split(os.sep):
            path = os.path.relpath(place, top)
            if path not in found:
                found.append(path)
    return found


def repository(root):
    """The remote of the git repository, as flytekit tells it; empty when there is none."""
    try:
        from flytekit.remote.remote import _get_git_repo_url
    except ImportError:
        return ""
    return _get_git_repo_url(root) or ""


def flyte2_environments():
    """How many environments of the Flyte 2 SDK the loaded modules hold."""
    sdk = sys.modules.get("flyte")
    kind = getattr(sdk, "Environment", None)
    if not isinstance(kind, type):
        return 0
    modules = [module for name, module in list(sys.modules.items()) if not name.startswith("flyte.")]
    found = (value for module in modules for value in list(getattr(module, "__dict__", {}).values()))
    return len({id(value) for value in found if isinstance(value, kind)})


def told(error, root):
    """The user's own frames, and the error."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if root and frame.filename.startswith(root)]
    lines = traceback.format_list(frames)
    cause = error.__cause__
    if not frames and cause is not None:
        return told(cause, root)
    return "".join([*lines, *traceback.format_exception_only(type(error), error)]).strip()


if __name__ == "__main__":
    answer(Session())
