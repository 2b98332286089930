"""Importing: the model file of a model that somebody has, from the file that a framework wrote.

A reader for each kind of file lists layers and weights (`Content`); what follows is the same for all: names become C
identifiers, formats follow from how weights are held, and the dialect is asked whether it has such layers.
"""

from embinit.importing.imported import Imported, import_model, origin_of
from embinit.importing.sources import read_source

__all__ = ["Imported", "import_model", "origin_of", "read_source"]
