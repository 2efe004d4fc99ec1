"""Runs given to others and taken from them: a repository of the Hugging Face Hub, a folder, whatever fsspec opens."""

from vae_tf.hub.arrival import check_arrival, foreign_operations
from vae_tf.hub.card import CardFacts, check_licence, render_card
from vae_tf.hub.folder_place import FolderPlace
from vae_tf.hub.moving import Pulled, Pushed, open_place, prepare_push, pull_run, push_run
from vae_tf.hub.parcel import Parcel, pack
from vae_tf.hub.place import LostPlaceError, Place, Sent
from vae_tf.hub.repository import Repository
from vae_tf.hub.url_place import UrlPlace

__all__ = [
    "CardFacts",
    "FolderPlace",
    "LostPlaceError",
    "Parcel",
    "Place",
    "Pulled",
    "Pushed",
    "Repository",
    "Sent",
    "UrlPlace",
    "check_arrival",
    "check_licence",
    "foreign_operations",
    "open_place",
    "pack",
    "prepare_push",
    "pull_run",
    "push_run",
    "render_card",
]
