"""Which conversations come together, and that every split means the same."""

from itertools import chain

import numpy as np
import pytest
import torch

from trainer.data import BatchOrder, collate, count_labels, require_trained_tokens, split_batch
from trainer.failures import Failure


class Rows:
    """Conversations in memory, as the trainer reads them from a token cache."""

    def __init__(self, rows):
        self.rows = [(np.array(ids, dtype=np.uint32), np.array(learned, dtype=np.bool_)) for ids, learned in rows]
        self.lengths = np.array([len(ids) for ids, _ in self.rows], dtype=np.uint32)

    def __len__(self):
        return len(self.rows)

    def row(self, index):
        return self.rows[index]


class TestBatchOrder:
    def test_every_row_comes_once_an_epoch_in_another_order_each_time(self):
        order = BatchOrder(10, 4, seed=3)
        first = [order.batch(step) for step in range(3)]
        second = [order.batch(step) for step in range(3, 6)]
        assert [len(batch) for batch in first] == [4, 4, 2]
        assert sorted(chain(*first)) == sorted(chain(*second)) == list(range(10))
        assert first != second

    def test_a_step_has_the_same_batch_wherever_the_run_begins(self):
        walked = BatchOrder(10, 4, seed=3)
        for step in range(4):
            walked.batch(step)
        assert walked.batch(4) == BatchOrder(10, 4, seed=3).batch(4)

    def test_the_seed_decides(self):
        assert BatchOrder(50, 50, seed=1).batch(0) != BatchOrder(50, 50, seed=2).batch(0)


class TestSplitBatch:
    lengths = np.array([100, 90, 10, 12, 300, 700, 8, 40], dtype=np.uint32)

    @pytest.mark.parametrize("world_size", [1, 2, 3, 8, 11])
    def test_ranks_share_all_rows_in_equally_many_micro_batches(self, world_size):
        plans = split_batch(list(range(8)), self.lengths, world_size=world_size, max_rows=4, token_budget=512)
        assert len({len(plan) for plan in plans}) == 1
        assert sorted(row for plan in plans for rows in plan for row in rows) == list(range(8))

    def test_keeps_to_rows_and_padded_tokens(self):
        (plan,) = split_batch(list(range(8)), self.lengths, world_size=1, max_rows=3, token_budget=512)
        for rows in plan:
            assert len(rows) <= 3
            assert len(rows) == 1 or len(rows) * max(self.lengths[rows]) <= 512

    def test_a_row_above_the_budget_stands_alone(self):
        plans = split_batch([5, 2], self.lengths, world_size=1, max_rows=4, token_budget=512)
        assert plans == [[[5], [2]]]


class TestCollate:
    def test_predicts_each_learned_token_from_the_one_before(self):
        batch = collate(Rows([([5, 6, 7], [0, 0, 1]), ([8, 9], [1, 1])]), [0, 1], torch.device("cpu"))
        assert batch.ids.tolist() == [[5, 6, 7], [8, 9, 0]]
        assert batch.predicts.tolist() == [[False, True, False], [True, False, False]]
        assert batch.labels.tolist() == [7, 9]

    def test_an_empty_micro_batch_predicts_nothing(self):
        batch = collate(Rows([([5, 6], [0, 1])]), [], torch.device("cpu"))
        assert batch.labels.numel() == 0
        assert not batch.predicts.any()

    def test_counts_no_first_token(self):
        assert count_labels(Rows([([8, 9], [1, 1]), ([1, 2, 3], [0, 1, 1])]), [0, 1]) == 3


class TestRequireTrainedTokens:
    def test_refuses_data_of_which_nothing_is_learned(self):
        with pytest.raises(Failure) as caught:
            require_trained_tokens(Rows([([5, 6, 7], [0, 0, 0]), ([5], [1])]))
        assert caught.value.code == "no_trained_tokens"

    def test_refuses_no_data(self):
        with pytest.raises(Failure, match="no conversation"):
            require_trained_tokens(Rows([]))

    def test_accepts_one_learned_token(self):
        require_trained_tokens(Rows([([5, 6], [0, 1])]))
