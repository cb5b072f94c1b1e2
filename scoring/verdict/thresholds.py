"""From where on something counts, and why from there."""

FEW_ROWS = 30
"""Fewer training rows are too little data: OpenAI's guide sees clear gains from 50, and the identity recipe asks 32
questions in its two languages before any guard. A model may learn less by heart, but nothing general."""

ROSE_BY = 0.2
"""The training loss has diverged where its end, or a stretch of it, lies a fifth above its beginning. Noise of single
batches is averaged out first; a loss that merely does not fall has not diverged."""
STRETCH = 0.1
"""A stretch of a curve is a tenth of its points: its noise is averaged, its shape is kept."""

OVERFITTED_RISE = 0.05
"""Over-fitted where the validation loss ended 5 % above its lowest value. Measurements of the same rows repeat to a few
per mille, so that 5 % are no noise; less is not worth another training."""
LOSS_FALL = 0.05
"""A held-out loss that has fallen by less than 5 % is no sign that something was learned."""
STILL_FALLING = 0.05
"""The training loss still falls where its last quarter brought 5 % of all that it fell: more epochs then help."""
LOW_LOSS = 0.5
"""Below it the training rows are known by heart (the likeliest token is right three times of four): more epochs teach
nothing; other rows do."""

LEAKED_SHARE = 0.02
"""One of a hundred validation rows that is trained on as well moves the mean loss by less than its own interval; more
make it a measure of memory. A single row counts where there are at most fifty."""

FEWEST_LOST = 3
"""Fewer questions lost are chance, whatever their share."""
FORGOT_SHARE = 0.2
"""Forgotten where a fifth of what the base knew is gone, net of what is known newly."""
CHANCE = 0.05
"""And where as many losses against gains came about by chance less than once in twenty times (sign test)."""

EMPTY_SHARE = 0.2
"""One nearly empty answer in five is a habit; a single "Yes." is not."""
ENDLESS_SHARE = 0.1
REFUSED_SHARE = 0.1
"""One answer in ten that the base did end, or did give: a user meets it in the first conversation."""
LEAKED_ANSWERS = 0.1
"""One answer in ten with what nobody asked for. Where a recipe's own test is stricter, fewer are a finding as well, but
no red light: a model that slips once in sixteen can be used."""
COPIED_SHARE = 0.2
"""One answer in five that is a training row: what small sets of short rows bring about by themselves is less."""
FEWEST_ROWS = 2
"""A single answer is never a finding, except personal data."""

GUARDS_FOR_A_LEAK = 5
FEWEST_GUARDS = 20
"""Guard conversations to add: five for each leak, at least 20. The identity recipe keeps a 135M model from leaking with
75 for 45 rows about itself."""
FEWEST_NEW_ROWS = 16
"""Rows to add for a language: as many questions as the identity recipe asks in each."""
GENERAL_FOR_A_LOSS = 10
"""General conversations to add for each question lost; a tenth of the data is what replay needs in the literature, and
a recipe's data has about a hundred rows."""
EXCESSIVE_RATE = 1.5
"""A learning rate that much above the usual one is set back to it; otherwise it is halved."""
