"""Serialises code of the Flyte 2 SDK. Runs in the user's interpreter, with the commands of `serialize_flytekit.py` beside it."""

import importlib
import os
import sys
from pathlib import Path

from serialize_flytekit import READING, Refused, answer, loaded_below, modules_of


class Session:
    """One set of sources."""

    def __init__(self):
        self.root = ""
        self.environments = []

    def load(self, sources, root, copy):
        """Imports the sources; tells their root, files, and what they need."""
        with READING.apart():
            try:
                import flyte
            except ImportError as error:
                raise Refused("sdk", str(error)) from None
        if not root:
            folders = [source if os.path.isdir(source) else os.path.dirname(source) for source in sources]
            root = os.path.commonpath([os.path.realpath(folder) for folder in folders])
        self.root = root
        if root not in sys.path:
            sys.path.insert(0, root)
        for source in sources:
            for name in modules_of(source, root):
                importlib.import_module(name)
                if os.path.isdir(source) and name != os.curdir:
                    self._import_below(name)
        own = [module for module in loaded_below(root) if not module.__name__.startswith("flyte.")]
        found = {}
        for module in own:
            for value in list(vars(module).values()):
                if isinstance(value, flyte.TaskEnvironment):
                    found[value.name] = value
        self.environments = [found[name] for name in sorted(found)]
        return {
            "root": root,
            "files": self._files(own, copy),
            "entities": len(self._tasks()),
            "images": self._described_images(),
            "sdk": getattr(flyte, "__version__", ""),
            "prefixes": sorted({sys.prefix, sys.base_prefix, os.path.dirname(sys.executable)}),
        }

    def serialize(self, project, domain, version, images, env, destination, code, folder):  # noqa: PLR0917
        """Writes every task as a file of its own; tells their names in order."""
        from flyte._internal.runtime.convert import convert_upload_default_inputs
        from flyte._internal.runtime.task_serde import translate_task_to_wire
        from flyte.models import CodeBundle, SerializationContext
        from flyte.syncify import syncify

        defaults_of = syncify(convert_upload_default_inputs)

        uris = dict(item.split("=", 1) if "=" in item else ("default", item) for item in images)
        bundle = CodeBundle(computed_version=version, destination=destination, tgz=code) if code else None
        context = SerializationContext(
            project=project, domain=domain, version=version, code_bundle=bundle, root_dir=Path(self.root)
        )
        written = []
        for number, (environment, task) in enumerate(self._tasks()):
            uri = uris.get(environment.name) or uris.get("default")
            if uri:
                task.image = uri
            if env:
                task.env_vars = {**(task.env_vars or {}), **env}
            defaults = defaults_of(task.interface)
            spec = translate_task_to_wire(task, context, default_inputs=defaults)
            if environment.description:
                spec.environment.description = environment.description
            name = f"{number:06d}.pb"
            with open(os.path.join(folder, name), "wb") as file:
                file.write(spec.SerializeToString(deterministic=True))
            written.append({"file": name, "name": task.name})
            for place, trigger in enumerate(task.triggers):
                message = self._trigger(trigger, task.name, spec, (project, domain, version))
                name = f"{number:06d}.{place:03d}.pb"
                with open(os.path.join(folder, name), "wb") as file:
                    file.write(message.SerializeToString(deterministic=True))
                written.append({"file": name, "name": trigger.name, "task": task.name, "active": trigger.auto_activate})
        return {"entities": written}

    def _trigger(self, trigger, task, spec, place):
        """As the SDK deploys it, but alone, and with its inputs in it."""
        from flyte._internal.runtime.trigger_serde import to_task_trigger
        from flyte.syncify import syncify
        from flyteidl2.trigger import trigger_service_pb2

        made = syncify(to_task_trigger)(trigger, task, spec.task_template.interface.inputs, list(spec.default_inputs))
        project, domain, version = place
        request = trigger_service_pb2.DeployTriggerRequest(automation_spec=made.automation_spec)
        names = request.name
        names.project, names.domain, names.task_name, names.name = project, domain, task, made.name
        request.spec.active, request.spec.description = made.spec.active, made.spec.description
        request.spec.run_spec.CopyFrom(made.spec.run_spec)
        request.spec.inputs.CopyFrom(made.spec.inputs)
        request.spec.task_version = version
        return request

    def _import_below(self, package):
        import pkgutil

        module = sys.modules[package]
        for item in pkgutil.walk_packages(getattr(module, "__path__", []), package + "."):
            importlib.import_module(item.name)

    def _files(self, modules, copy):
        if copy == "none":
            return []
        if copy == "auto":
            files = [module.__file__ for module in modules if getattr(module, "__file__", None)]
        else:
            files = [
                os.path.join(place, name)
                for place, folders, names in os.walk(self.root)
                for name in names
                if not folders.sort() and "__pycache__" not in place and not name.endswith(".pyc")
            ]
        return sorted(os.path.relpath(name, self.root) for name in files)

    def _tasks(self):
        """(environment, task), by name."""
        return [(env, env.tasks[name]) for env in self.environments for name in sorted(env.tasks)]

    def _described_images(self):
        """Images that the code describes by layers instead of naming: (task, image)."""
        import flyte

        return [
            [task.name, task.image.name or "image"]
            for _, task in self._tasks()
            if isinstance(task.image, flyte.Image) and (task.image._layers or task.image._ref_name is not None)
        ]


if __name__ == "__main__":
    answer(Session())
