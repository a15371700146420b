"""PRESET of the services: which conventions hold, and how the log names them.

A service's table of presets is a sequence of dicts, one per preset, from a convention to the choice it
makes. What a planner chooses alone stands before the preset.
"""

from .errors import InputError

PRESETS = ("recommended", "as published", "as InVEST 3.20")
RECOMMENDED, AS_PUBLISHED, AS_INVEST = range(len(PRESETS))


def check_preset(preset):
    """Refuse a number that is no preset."""
    if preset not in range(len(PRESETS)):
        known = ", ".join(f"{number} ({name})" for number, name in enumerate(PRESETS))
        raise InputError(f"PRESET {preset} does not exist: choose one of {known}.")


def settle(presets, preset, given, options=()):
    """The choices of a preset, with those that are given and not None in their place.

    Parameters
    ----------
    presets : sequence of dict
    preset : int
    given : dict
        Convention to choice, or None for that of the preset.
    options : dict, optional
        Convention to the choices it knows.

    Raises
    ------
    InputError
        An unknown preset or choice.
    """
    check_preset(preset)
    taken = {name: choice for name, choice in given.items() if choice is not None}
    for name, choice in taken.items():
        if name in options and choice not in options[name]:
            raise InputError(f"'{choice}' is no choice for {name}: choose one of {', '.join(options[name])}.")
    return {**presets[preset], **taken}


def conventions_told(preset, phrases, given):
    """The conventions in words, each with where it comes from.

    Parameters
    ----------
    preset : int
    phrases : dict
        Convention to what the log says of it.
    given : dict
        As in `settle`.
    """
    told = [f"{phrase} [{'PRESET' if given.get(name) is None else 'by hand'}]" for name, phrase in phrases.items()]
    return f"conventions under PRESET {preset} ({PRESETS[preset]}): {', '.join(told) or 'none to choose'}"
