"""Why a model of a foreign layout cannot be read."""

from wording import Catalogue, sentence

CATALOGUE = Catalogue(
    {
        "qwen_variant_unknown": sentence("This Qwen variant (biases, partial rotary embeddings) was never released."),
        "qwen_ranks_missing": sentence("%(file)s is damaged: ranks are missing."),
        "qwen_token_not_built": sentence("The token %(token)s cannot be built from those before it."),
        "qwen_weights_cut_short": sentence("A weights file is cut short. Download it again."),
        "no_qwen_tensor": sentence("The tensor %(name)s is not part of a first-generation Qwen model."),
    }
)
message = CATALOGUE.message
