"""Rendered rows on disk."""

import json

import numpy as np
import pytest

from chat import ChatError, Rendered, TokenCache, TokenCacheWriter

ROWS = [
    Rendered(ids=[1, 70_000, 3], trained=[False, True, True], spans=()),
    Rendered(ids=[], trained=[], spans=()),
    Rendered(ids=[4_000_000_000], trained=[True], spans=()),
]


def write(folder, rows=ROWS):
    with TokenCacheWriter(folder) as writer:
        for row in rows:
            writer.add(row)
        writer.close({"chat_hash": "abc", "options": {"max_seq_len": 512}})


class TestRoundTrip:
    def test_gives_back_each_row(self, tmp_path):
        write(tmp_path / "cache")
        cache = TokenCache.open(tmp_path / "cache")
        assert len(cache) == 3
        assert cache.lengths.tolist() == [3, 0, 1]
        assert cache.lengths.dtype == np.int64
        for number, row in enumerate(ROWS):
            ids, trained = cache.row(number)
            assert (ids.dtype, trained.dtype) == (np.uint32, np.bool_)
            assert (ids.tolist(), trained.tolist()) == (row.ids, row.trained)

    def test_counts_in_its_meta(self, tmp_path):
        write(tmp_path)
        counts = {"rows": 3, "tokens": 4, "trained_tokens": 3, "max_len": 3}
        assert TokenCache.open(tmp_path).meta == {"chat_hash": "abc", "options": {"max_seq_len": 512}, **counts}

    def test_may_be_empty(self, tmp_path):
        write(tmp_path, [])
        assert len(TokenCache.open(tmp_path)) == 0

    @pytest.mark.parametrize("index", [-1, 3])
    def test_has_no_row_beyond_its_end(self, tmp_path, index):
        write(tmp_path)
        with pytest.raises(IndexError):
            TokenCache.open(tmp_path).row(index)


class TestExistence:
    def test_does_not_exist_before_close(self, tmp_path):
        writer = TokenCacheWriter(tmp_path)
        writer.add(ROWS[0])
        with pytest.raises(ChatError) as caught:
            TokenCache.open(tmp_path)
        assert caught.value.code == "cache_missing"
        writer.close({})
        assert len(TokenCache.open(tmp_path)) == 1

    def test_ends_when_it_is_written_anew(self, tmp_path):
        write(tmp_path)
        with TokenCacheWriter(tmp_path), pytest.raises(ChatError):
            TokenCache.open(tmp_path)

    def test_an_error_while_writing_leaves_none(self, tmp_path):
        def fail():
            with TokenCacheWriter(tmp_path) as writer:
                writer.add(ROWS[0])
                raise RuntimeError

        with pytest.raises(RuntimeError):
            fail()
        with pytest.raises(ChatError):
            TokenCache.open(tmp_path)


class TestDamage:
    @pytest.mark.parametrize("name", ["ids.bin", "trained.bin", "index.bin"])
    @pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data + b"\0", None])
    def test_sizes_that_disagree_are_found(self, tmp_path, name, change):
        write(tmp_path)
        file = tmp_path / name
        if change is None:
            file.unlink()
        else:
            file.write_bytes(change(file.read_bytes()))
        with pytest.raises(ChatError, match=name) as caught:
            TokenCache.open(tmp_path)
        assert caught.value.code == "cache_damaged"

    @pytest.mark.parametrize("offsets", [[0, 5, 3, 4], [1, 3, 3, 4], [0, 3, 3, 9]])
    def test_an_index_that_disagrees_is_found(self, tmp_path, offsets):
        write(tmp_path)
        (tmp_path / "index.bin").write_bytes(np.asarray(offsets, dtype="<u8").tobytes())
        with pytest.raises(ChatError):
            TokenCache.open(tmp_path)

    @pytest.mark.parametrize(
        "meta", ["{", "[]", "{}", json.dumps({"rows": -1, "tokens": 0, "trained_tokens": 0, "max_len": 0})]
    )
    def test_a_broken_meta_is_found(self, tmp_path, meta):
        write(tmp_path)
        (tmp_path / "meta.json").write_text(meta)
        with pytest.raises(ChatError) as caught:
            TokenCache.open(tmp_path)
        assert caught.value.code == "cache_damaged"
