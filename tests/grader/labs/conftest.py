"""What the tests of labs share."""

import pytest

from grader.kit.discovery import Kit
from grader.kit.variants import alternatives, together
from grader.launch.launcher import launcher
from grader.source.file import File


@pytest.fixture(scope="session")
def workers():
    """Workers that find imported what the first optimizer imports: 0.7 s less for each that trains."""
    started = launcher(trains=True)
    yield started
    started.close()


@pytest.fixture(scope="session")
def files():
    """The reference, as the learner's files."""
    return {exercise.slug: File.at(exercise.solution) for exercise in Kit().exercises}


ANOTHER_WAY = """
lstm_cell__functional encode__gathered
reverse_source__gathered Seq2Seq__sorted_and_put_back
shift_right__rolled decode_loop__tutorial sequence_loss__library greedy_decode__fed_eos
dot_scores__bmm additive_scores__bahdanau attention_weights__masked_softmax context_vector__product_and_sum
sinusoidal_encoding__annotated add_positions__buffer
project_qkv__linear attention_scores__annotated self_attention__textbook
padding_mask__cumulative causal_mask__annotated_transformer decoder_mask__multiplied
masked_attention__plain_nan_to_num
split_heads__unflatten concat_heads__contiguous_view MultiHeadAttention__dive_into_deep_learning
LayerNorm__var_mean FeedForward__functional EncoderLayer__blocks Encoder__appended
DecoderLayer__sublayers_as_functions Decoder__appended_and_reduced
Transformer__annotated_masks
warmup_rate__power_functions label_smoothing_loss__one_hot train_step__norm_by_hand
"""
"""An alternative of everything that exercises ask for; with each, modules begin with the reference's weights."""


@pytest.fixture(scope="session")
def another_way():
    """Another right way of writing each exercise, the text of each file by its slug."""
    found, replaced, to_replace = {}, [], set()
    for exercise in Kit().exercises:
        all_of_them = alternatives(exercise)
        chosen = [one for one in all_of_them if f"{one.target}__{one.name}" in ANOTHER_WAY.split()]
        replaced += [one.target for one in chosen]
        to_replace |= {one.target for one in all_of_them}
        found[exercise.slug] = "\n\n".join(together(chosen))
    assert sorted(replaced) == sorted(to_replace)
    return found
