"""How static files are named."""

from whitenoise.storage import CompressedManifestStaticFilesStorage

OUR_IMPORTS = r"""(?P<matched>(?P<names>import \{[^}]+\} from) "(?P<url>\./[^"]+)";)"""


class ModuleStaticFilesStorage(CompressedManifestStaticFilesStorage):
    """Names files by their content, in the imports of our modules as well, so that no browser keeps what has changed.

    Django's own switch for this reads every library's comments too, and stops at modules that are not there.
    """

    patterns = (
        *CompressedManifestStaticFilesStorage.patterns,
        ("luthier/*.js", ((OUR_IMPORTS, '%(names)s "%(url)s";'),)),
    )
