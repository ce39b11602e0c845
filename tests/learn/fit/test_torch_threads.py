"""Threads of torch for a training follow the size of the network and the CPUs of the process."""

from __future__ import annotations

import torch
from torch import nn

from m3leo_sar.learn.fit import torch_threads as counted
from m3leo_sar.learn.fit.torch_threads import default_threads, torch_threads


def test_a_small_network_trains_in_one_thread_and_a_large_one_within_the_cpus(monkeypatch):
    small, large = nn.Linear(400, 400), nn.Linear(450, 450)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 12)
    monkeypatch.setattr(counted, "available_cpus", lambda: 3)
    assert (default_threads(small), default_threads(large)) == (1, 3)
    monkeypatch.setattr(counted, "available_cpus", lambda: 40)
    assert default_threads(large) == 12


def test_the_number_of_threads_ends_with_the_training():
    before = torch.get_num_threads()
    with torch_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before
