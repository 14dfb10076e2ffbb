"""Environment variables: recorded by allow-list, so that a variable nobody thought of stays where it is.

The list holds what explains a failure of a DCC or a pipeline tool: where software and configuration come from,
which show and shot, which farm task. It names no variable that names a person. A studio adds globs of its own
(`privacy.environment`), but what may hold a credential is refused whatever the list says, and the values
pass the redactor like any text. SGTK_CONTEXT and TANK_CONTEXT are pickles with credentials: never read.
"""

from __future__ import annotations

import fnmatch
import re
from typing import TYPE_CHECKING, Final

from clientobs import semconv

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from clientobs.config.model import PrivacyConfig
    from clientobs.privacy.redaction import Redactor

__all__ = ["ALLOWED", "REFUSED", "environment_attributes", "recorded_variables"]

ALLOWED: Final = (
    # ShotGrid/Flow, AYON, OpenPype, Prism: the production context.
    *("SHOTGUN_ENTITY_TYPE", "SHOTGUN_ENTITY_ID", "SGTK_ENGINE", "TANK_ENGINE"),
    *("AYON_PROJECT_NAME", "AYON_FOLDER_PATH", "AYON_TASK_NAME", "AYON_HOST_NAME", "AYON_APP_NAME", "AYON_WORKDIR"),
    *("AYON_BUNDLE_NAME", "AYON_PROJECT_ROOT_*", "AVALON_PROJECT", "AVALON_ASSET", "AVALON_TASK", "AVALON_APP"),
    *("PRISM_JOB", "PRISM_SEQUENCE", "PRISM_SHOT", "PRISM_ASSET", "PRISM_DEPARTMENT", "PRISM_TASK"),
    # Which software was resolved.
    *("REZ_USED_REQUEST", "REZ_USED_RESOLVE", "REZ_*_VERSION", "PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"),
    *("PYTHONPATH", "PYTHONHOME", "PYTHONNOUSERSITE", "VIRTUAL_ENV", "CONDA_DEFAULT_ENV"),
    # The hosts: where they find plug-ins and start-up code.
    *("MAYA_LOCATION", "MAYA_MODULE_PATH", "MAYA_PLUG_IN_PATH", "MAYA_SCRIPT_PATH", "MAYA_APP_DIR", "MAYA_VERSION"),
    *("HFS", "HOUDINI_PATH", "HOUDINI_VERSION", "HOUDINI_OTLSCAN_PATH", "HOUDINI_PACKAGE_DIR", "HSITE", "JOB", "HIP"),
    *("NUKE_PATH", "NUKE_TEMP_DIR", "BLENDER_USER_SCRIPTS", "BLENDER_SYSTEM_SCRIPTS", "BLENDER_USER_CONFIG"),
    *("KATANA_RESOURCES", "KATANA_RELEASE", "SUBSTANCE_PAINTER_PLUGINS_PATH", "ARNOLD_PLUGIN_PATH"),
    *("OCIO", "PXR_PLUGINPATH_NAME", "RMANTREE", "REDSHIFT_COREDATAPATH", "MTOA_PATH", "CUDA_VISIBLE_DEVICES"),
    *("OMP_NUM_THREADS", "QT_PLUGIN_PATH", "QT_QPA_PLATFORM", "QT_API"),
    # Farms: which task this is.
    *("CUE_SHOW", "CUE_SHOT", "CUE_JOB", "CUE_JOB_ID", "CUE_LAYER", "CUE_FRAME", "CUE_FRAME_ID"),
    *("DEADLINE_FARM_ID", "DEADLINE_QUEUE_ID", "DEADLINE_JOB_ID", "DEADLINE_SESSION_ID", "DEADLINE_SESSIONACTION_ID"),
    *("DEADLINE_TASK_ID", "OPENJD_SESSION_WORKING_DIR", "TR_ENV_JID", "TR_ENV_TID", "TR_SPOOLHOST"),
    # The machine's settings that change behaviour.
    *("LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "TEMP", "TMP", "SHELL", "DISPLAY"),
    *("WAYLAND_DISPLAY", "XDG_SESSION_TYPE", "PROCESSOR_ARCHITECTURE", "NUMBER_OF_PROCESSORS"),
    *("TRACEPARENT", "CLIENTOBS_*", "OTEL_*"),
)  # fmt: skip
"""Globs of names that are recorded where they are set."""

REFUSED: Final = ("SGTK_CONTEXT", "TANK_CONTEXT", "*HEADERS*", "BAGGAGE", "*_MONGO", "*_CLIENT_KEY")
"""Globs of names that are refused even where a studio allows them; so is every name that `keys.py` calls secret."""

_MAX_VARIABLES: Final = 256
_SIGNS: Final = frozenset("*?[")
"""What makes a name a glob."""
_PREFIX: Final = semconv.PROCESS_ENVIRONMENT_VARIABLE.removesuffix("*")


def recorded_variables(
    environ: Mapping[str, str], policy: PrivacyConfig, redactor: Redactor
) -> dict[str, str]:
    """Return the variables that may be recorded, by name, sorted, their values redacted; at most 256.

    >>> from clientobs._loss import LossLedger
    >>> from clientobs.config.model import LimitsConfig, PrivacyConfig
    >>> from clientobs.privacy.redaction import Redactor
    >>> redactor = Redactor(PrivacyConfig(), LimitsConfig(), LossLedger())
    >>> environ = {"OCIO": "/c.ocio", "AYON_API_KEY": "x", "HOME": "/home/ron"}
    >>> recorded_variables(environ, PrivacyConfig(), redactor)
    {'OCIO': '/c.ocio'}
    """
    allowed = _matcher((*ALLOWED, *policy.environment))
    refused = _matcher(REFUSED)
    names = sorted(name for name in environ if allowed(name) and not refused(name))
    kept = [name for name in names if not redactor.is_secret(name)][:_MAX_VARIABLES]
    return {name: str(redactor.value(name, environ[name])) for name in kept}


def environment_attributes(variables: Mapping[str, str]) -> dict[str, str]:
    """Return variables under their attribute names (`process.environment_variable.OCIO`)."""
    return {_PREFIX + name: value for name, value in variables.items()}


def _matcher(globs: Iterable[str]) -> Callable[[str], bool]:
    """Return a function that says whether a name matches any glob."""
    # Windows has no case in names, and a studio's list is one for all systems.
    # Plain names by a set: as one expression the list takes 4 ms to compile, in each process that records.
    lowered = {glob.lower() for glob in globs}
    with_signs = {glob for glob in lowered if _SIGNS.intersection(glob)}
    plain = lowered - with_signs
    match = re.compile("|".join(map(fnmatch.translate, sorted(with_signs))) or r"(?!)").match
    return lambda name: (lower := name.lower()) in plain or match(lower) is not None
