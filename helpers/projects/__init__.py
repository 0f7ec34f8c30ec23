"""Four projects to take away: classification, sentiment, named entities and question answering, on the reader's own file."""

from helpers.projects.project import Prediction, Project, load
from helpers.projects.templates import classify, entities, questions, sentiment

__all__ = ["Prediction", "Project", "classify", "entities", "load", "questions", "sentiment"]
