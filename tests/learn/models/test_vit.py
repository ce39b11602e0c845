"""The transformer, the auto-encoder on it, the heads, and pooling by area."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from m3leo_sar.learn.models.area_pool import area_pool
from m3leo_sar.learn.models.contrastive import ModalityAligner, alignment_loss, retrieval
from m3leo_sar.learn.models.dino import ProjectionHead, SelfDistillation, random_views, spread
from m3leo_sar.learn.models.heads import LinearProbe, RegressionHead, SegmentationHead, token_image
from m3leo_sar.learn.models.mae import MaskedAutoencoder, Reconstruction, random_order, reconstruction_loss
from m3leo_sar.learn.models.vit import TransformerBlock, VisionTransformer, from_patches, resized_positions, to_patches

#: Names of torch's own layer by those of ours.
OF_TORCH = {
    "norms.0": "norm1", "norms.1": "norm2", "query_key_value.": "self_attn.in_proj_", "project": "self_attn.out_proj",
    "perceptron.0": "linear1", "perceptron.2": "linear2",
}  # fmt: skip


@pytest.fixture(autouse=True)
def one_thread_and_seed():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)


def tiny(channels=2, side=16, **sizes):
    return VisionTransformer(channels, side=side, **{"patch": 4, "dim": 24, "depth": 2, "heads": 3, **sizes})


def parameters(module):
    return sum(weight.numel() for weight in module.parameters())


@pytest.mark.parametrize("trains", [True, False])
def test_a_block_is_torchs_own_layer(trains):
    block, tokens = TransformerBlock(24, 3), torch.randn(2, 7, 24)
    options = {"dropout": 0.0, "activation": "gelu", "layer_norm_eps": 1e-6, "batch_first": True, "norm_first": True}
    layer = torch.nn.TransformerEncoderLayer(24, 3, 96, **options).train(trains)
    weights = block.state_dict()
    for ours, theirs in OF_TORCH.items():
        weights = {name.replace(ours, theirs): weight for name, weight in weights.items()}
    layer.load_state_dict(weights)
    with torch.set_grad_enabled(trains):
        torch.testing.assert_close(layer(tokens), block.train(trains)(tokens), rtol=0, atol=1e-6)


def test_the_papers_auto_encoder_has_the_papers_parameters():
    with torch.device("meta"):
        model = MaskedAutoencoder(VisionTransformer(12))
    assert parameters(model.encoder) == pytest.approx(88.8e6, rel=0.01)
    assert parameters(model.decoder) == pytest.approx(5.5e6, rel=0.01)
    assert parameters(model.encoder) == 88_019_712
    assert parameters(model.decoder) == 5_525_504
    # With the head of 1000 classes that no auto-encoder uses it is the paper's number to the digit.
    assert round((88_019_712 + 769 * 1000) / 1e6, 1) == 88.8


def test_tokens_of_any_size_and_channels():
    net = tiny(5).eval()
    for rows, cols in ((16, 16), (24, 24), (8, 20)):
        assert net(torch.randn(3, 5, rows, cols)).shape == (3, 1 + rows * cols // 16, 24)
    for image, message in (
        (torch.zeros(1, 5, 16, 18), r"rows and cols must be multiples of 4, got \(16, 18\)"),
        (torch.zeros(1, 5, 0, 16), r"rows and cols must be multiples of 4, got \(0, 16\)"),
        (torch.zeros(1, 4, 16, 16), r"image must be \(batch, 5, rows, cols\), got \(1, 4, 16, 16\)"),
        (torch.zeros(5, 16, 16), r"image must be \(batch, 5, rows, cols\)"),
    ):
        with pytest.raises(ValueError, match=message):
            net(image)
    for sizes, message in (
        ({"side": 18}, "side must be a multiple of patch and dim of heads, got 18 of 4, 24 of 3"),
        ({"heads": 5}, "got 16 of 4, 24 of 5"),
        ({"depth": 0}, "all sizes must be at least 1"),
    ):
        with pytest.raises(ValueError, match=message):
            tiny(**sizes)


def test_a_block_is_its_formula():
    block, tokens = TransformerBlock(8, 2), torch.randn(1, 5, 8)
    normal = torch.nn.functional.layer_norm(tokens, (8,), eps=1e-6)
    query, key, value = block.query_key_value(normal).chunk(3, dim=-1)
    heads = []
    for part in (slice(0, 4), slice(4, 8)):
        weights = (query[..., part] @ key[..., part].transpose(1, 2) / 2).softmax(dim=-1)
        heads.append(weights @ value[..., part])
    middle = tokens + block.project(torch.cat(heads, dim=-1))
    expected = middle + block.perceptron(torch.nn.functional.layer_norm(middle, (8,), eps=1e-6))
    torch.testing.assert_close(block(tokens), expected)


def test_without_positions_the_order_of_patches_does_not_matter():
    net, image = tiny().eval(), torch.randn(1, 2, 16, 16)
    order = torch.randperm(16)
    moved = from_patches(to_patches(image, 4)[:, order], 4, (4, 4))
    with torch.no_grad():
        # With positions it does, or the network could not tell where anything is.
        assert not torch.allclose(net(image)[:, 0], net(moved)[:, 0], atol=1e-4)
        net.position.zero_()
        torch.testing.assert_close(net(image)[:, 0], net(moved)[:, 0])
        torch.testing.assert_close(net(image)[:, 1:][:, order], net(moved)[:, 1:])


def test_an_image_does_not_depend_on_its_batch():
    net, images = tiny().eval(), torch.randn(3, 2, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(net(images)[1:2], net(images[1:2]))


def cubic_weights(cells, side):
    """Cubic convolution (Keys, 1981, equation 4, with -0.75 for the slope) at cell centres, the edge repeated."""
    weights = np.zeros((cells, side))
    for cell in range(cells):
        place = (cell + 0.5) * side / cells - 0.5
        for tap in range(math.floor(place) - 1, math.floor(place) + 3):
            d = abs(place - tap)
            near, far = 1.25 * d**3 - 2.25 * d**2 + 1, -0.75 * (d**3 - 5 * d**2 + 8 * d - 4)
            weights[cell, min(max(tap, 0), side - 1)] += near if d <= 1 else far
    return weights


def test_positions_are_interpolated_bicubically():
    position = torch.randn(1, 1 + 36, 3, dtype=torch.float64)
    assert resized_positions(position, (6, 6)) is position
    resized = resized_positions(position, (9, 14))
    assert torch.equal(resized[:, 0], position[:, 0])
    image = position[0, 1:].reshape(6, 6, 3).numpy()
    expected = np.einsum("ri,cj,ijd->rcd", cubic_weights(9, 6), cubic_weights(14, 6), image)
    np.testing.assert_allclose(resized[0, 1:].reshape(9, 14, 3), expected, atol=1e-12)


def test_patches_are_cut_by_rows_and_put_back():
    image = torch.arange(2 * 3 * 8 * 12.0).reshape(2, 3, 8, 12)
    patches = to_patches(image, 4)
    assert patches.shape == (2, 6, 48)
    assert torch.equal(patches[1, 4].reshape(3, 4, 4), image[1, :, 4:8, 4:8])
    assert torch.equal(from_patches(patches, 4, (2, 3)), image)


def test_masking_hides_the_ratio_and_is_seeded():
    model = MaskedAutoencoder(tiny(), decoder_dim=16, decoder_heads=2)
    image = torch.randn(5, 2, 16, 16)
    found = model(image, generator=torch.Generator().manual_seed(3))
    assert found.patches.shape == (5, 16, 32)
    assert found.hidden.sum(dim=1).tolist() == [12] * 5
    again = model(image, generator=torch.Generator().manual_seed(3))
    assert torch.equal(found.hidden, again.hidden)
    assert torch.equal(found.patches, again.patches)
    assert not torch.equal(found.hidden, model(image, generator=torch.Generator().manual_seed(4)).hidden)
    assert len({tuple(row) for row in found.hidden.tolist()}) > 1
    assert model(torch.randn(1, 2, 24, 24)).patches.shape == (1, 36, 32)
    often = torch.stack([random_order(1, 8)[0, :2].bincount(minlength=8) for _ in range(400)]).sum(dim=0)
    assert 60 < often.min() < often.max() < 140
    for ratio in (0.999, 0.001):
        model.mask_ratio = ratio
        assert 1 <= model(image).hidden.sum(dim=1)[0] <= 15
    with pytest.raises(ValueError, match="mask_ratio must lie between 0 and 1, got 75"):
        MaskedAutoencoder(tiny(), mask_ratio=75)
    with pytest.raises(ValueError, match="decoder_dim must be a multiple of decoder_heads, got 20 of 16"):
        MaskedAutoencoder(tiny(), decoder_dim=20)


def test_the_auto_encoder_does_not_see_what_it_hides():
    model = MaskedAutoencoder(tiny(), decoder_dim=16, decoder_heads=2).eval()
    image = torch.randn(2, 2, 16, 16)
    found = model(image, generator=torch.Generator().manual_seed(0))
    scrambled = torch.where(found.hidden[..., None], torch.randn(2, 16, 32), to_patches(image, 4))
    other = model(from_patches(scrambled, 4, (4, 4)), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(other.patches, found.patches)
    seen = torch.where(found.hidden[..., None], to_patches(image, 4), torch.randn(2, 16, 32))
    third = model(from_patches(seen, 4, (4, 4)), generator=torch.Generator().manual_seed(0))
    assert not torch.allclose(third.patches, found.patches, atol=1e-3)


def test_each_patch_is_decoded_at_its_place():
    """With decoders that pass tokens on, what comes out at a kept place is what went in there."""
    model = MaskedAutoencoder(tiny(), decoder_dim=16, decoder_depth=0, decoder_heads=2).eval()
    image = torch.randn(3, 2, 16, 16)
    with torch.no_grad():
        model.decoder.position.zero_()
        found = model(image, generator=torch.Generator().manual_seed(0))
        tokens = model.encoder.patches(image)
        for one, hidden, said in zip(tokens, found.hidden, found.patches, strict=True):
            # Attention takes the kept patches in any order, so encoding them by rows gives each the same token.
            kept = model.encoder.encode(one[~hidden][None])
            expected = model.decoder.predict(model.decoder.norm(model.decoder.embed(kept)))[0, 1:]
            torch.testing.assert_close(said[~hidden], expected, atol=1e-4, rtol=1e-4)
            nothing = model.decoder.predict(model.decoder.norm(model.decoder.mask_token))[0, 0]
            torch.testing.assert_close(said[hidden], nothing.expand(int(hidden.sum()), -1))


def test_the_loss_counts_hidden_pixels_with_data_alone():
    image = torch.randn(2, 3, 8, 12)
    mask = torch.rand(image.shape) < 0.6
    said, hidden = torch.randn(2, 6, 48, requires_grad=True), torch.rand(2, 6) < 0.5
    loss = reconstruction_loss(Reconstruction(said, hidden), image, mask, patch=4)
    squares = []
    for b, n in np.ndindex(2, 6):
        row, col = 4 * (n // 3), 4 * (n % 3)
        for c, i, j in np.ndindex(3, 4, 4):
            if hidden[b, n] and mask[b, c, row + i, col + j]:
                squares.append(float(said.detach()[b, n, 16 * c + 4 * i + j] - image[b, c, row + i, col + j]) ** 2)
    assert float(loss.detach()) == pytest.approx(np.mean(squares), rel=1e-5)
    # What has no data may be anything, NaN too.
    holed = torch.where(mask, image, torch.nan)
    loss = reconstruction_loss(Reconstruction(said, hidden), holed, mask, patch=4)
    assert float(loss.detach()) == pytest.approx(np.mean(squares), rel=1e-5)
    loss.backward()
    assert torch.isfinite(said.grad).all()
    counted = hidden[..., None] & to_patches(mask, 4)
    assert torch.equal(said.grad != 0, counted)
    said.grad = None
    nothing = reconstruction_loss(Reconstruction(said, hidden), holed, torch.zeros_like(mask), patch=4)
    nothing.backward()
    assert float(nothing.detach()) == 0
    assert not said.grad.any()


def brute_force_pool(image, shape):
    fine = np.kron(image, np.ones((shape[0], shape[1])))
    return fine.reshape(shape[0], image.shape[0], shape[1], image.shape[1]).mean(axis=(1, 3))


@pytest.mark.parametrize(("pixels", "shape"), [((7, 9), (3, 4)), ((8, 6), (4, 3)), ((3, 5), (7, 11)), ((6, 5), (1, 1))])
def test_cells_are_means_by_area(pixels, shape):
    image = torch.randn(2, 3, *pixels, dtype=torch.float64)
    pooled = area_pool(image, shape)
    np.testing.assert_allclose(pooled[1, 2], brute_force_pool(image[1, 2].numpy(), shape), atol=1e-12)
    torch.testing.assert_close(pooled.mean(dim=(-2, -1)), image.mean(dim=(-2, -1)))
    mask = torch.rand(2, 1, *pixels) < 0.5
    mask[0] = False
    masked = area_pool(torch.where(mask, image, torch.nan), shape, mask=mask)
    above, below = (brute_force_pool(part, shape) for part in ((image[1, 2] * mask[1, 0]).numpy(), mask[1, 0].numpy()))
    np.testing.assert_allclose(masked[1, 2], np.divide(above, below, out=np.zeros(shape), where=below > 0), atol=1e-12)
    assert not masked[0].any()


def test_the_papers_pixels_make_the_papers_cells():
    image = torch.rand(1, 1, 448, 448)
    pooled = area_pool(image, (45, 55))
    assert pooled.shape == (1, 1, 45, 55)
    assert float(pooled.mean()) == pytest.approx(float(image.mean()), rel=1e-5)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(area_pool(image, (45, 55)), pooled)
    with pytest.raises(ValueError, match=r"shape must be at least 1 by 1, got \(0, 5\)"):
        area_pool(image, (0, 5))


def test_heads_give_what_they_say():
    encoder, image = tiny(), torch.randn(2, 2, 24, 16)
    assert SegmentationHead(encoder, 7, width=16)(image).shape == (2, 7, 24, 16)
    assert RegressionHead(encoder, width=8)(image).shape == (2, 1, 1, 1)
    mean = RegressionHead(encoder, shape=(5, 3), width=8).eval()
    assert mean(image).shape == (2, 1, 5, 3)
    total = RegressionHead(encoder, shape=(5, 3), reduction="sum", width=8)
    total.load_state_dict(mean.state_dict())
    torch.testing.assert_close(total(image), mean(image) * 24 / 15)
    tokens = token_image(encoder, image)
    assert torch.equal(tokens[1, :, 2, 1], encoder(image)[1, 1 + 2 * 4 + 1])
    for call, message in (
        (lambda: SegmentationHead(tiny(patch=8, side=24).requires_grad_(False), 0), "got 8, 0, 256"),
        (lambda: SegmentationHead(tiny(patch=6, side=24), 3), "patch must be a power of 2"),
        (lambda: RegressionHead(encoder, reduction="median"), "reduction must be one of mean, sum, got 'median'"),
        (lambda: RegressionHead(encoder, shape=(0, 1)), r"shape and width must be at least 1, got \(0, 1\) and 128"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_a_chips_logits_do_not_depend_on_its_batch():
    head, images = SegmentationHead(tiny(), 3, width=16), torch.randn(3, 2, 16, 16)
    torch.testing.assert_close(head(images)[1:2], head(images[1:2]))


def test_a_probe_trains_its_line_alone():
    probe = LinearProbe(tiny(), 4)
    probe(torch.randn(2, 2, 16, 16)).sum().backward()
    trained = {name for name, weight in probe.named_parameters() if weight.grad is not None}
    assert trained == {"linear.weight", "linear.bias"}
    # Nor may an optimizer's weight decay move the rest.
    assert {name for name, weight in probe.named_parameters() if weight.requires_grad} == trained


def test_similarities_are_cosines():
    head = ProjectionHead(12, hidden=16, bottleneck=8, prototypes=30)
    said = head(torch.randn(5, 12))
    assert said.shape == (5, 30)
    assert float(said.detach().abs().max()) <= 1 + 1e-6
    with torch.no_grad():
        before = head(torch.ones(1, 12))
        head.prototypes *= 3
        torch.testing.assert_close(head(torch.ones(1, 12)), before)


def distiller(**options):
    return SelfDistillation(tiny(), hidden=32, bottleneck=16, prototypes=20, **options)


def test_distillation_is_the_cross_entropy_between_views():
    model = distiller().eval()
    with torch.no_grad():
        for weight in model.student.parameters():
            weight += 0.1 * torch.randn_like(weight)
        model.centre += 0.1 * torch.randn_like(model.centre)
        views = [torch.randn(3, 2, 16, 16), torch.randn(3, 2, 16, 16), torch.randn(3, 2, 8, 8)]
        present = torch.tensor([True, False, True])
        found = model(views, present)
        say = lambda net, view: net["head"](net["encoder"](view)[:, 0])  # noqa: E731
        losses = []
        for t, s in ((0, 1), (0, 2), (1, 0), (1, 2)):
            wanted = ((say(model.teacher, views[t]) - model.centre) / 0.04).softmax(-1)
            each = -(wanted * (say(model.student, views[s]) / 0.1).log_softmax(-1)).sum(-1)
            losses.append(float(each[present].mean()))
        assert float(found) == pytest.approx(np.mean(losses), rel=1e-5)


def test_centre_and_teacher_are_moving_means():
    model = distiller(centre_momentum=0.7).train()
    views, present = [torch.randn(4, 2, 16, 16), torch.randn(4, 2, 16, 16)], torch.tensor([True, True, False, True])
    with torch.no_grad():
        said = torch.cat([model.teacher["head"](model.teacher["encoder"](view)[present, 0]) for view in views])
    model(views, present).backward()
    torch.testing.assert_close(model.centre, 0.3 * said.mean(dim=0))
    assert all(weight.grad is None for weight in model.teacher.parameters())
    assert all(weight.grad is not None for weight in model.student.parameters())
    with torch.no_grad():
        for weight in model.student.parameters():
            weight += 1
    slow = next(model.teacher.parameters()).clone()
    model.update_teacher(0.9)
    torch.testing.assert_close(next(model.teacher.parameters()), slow + 0.1)
    before = model.centre.clone()
    model.eval()(views, present)
    assert torch.equal(model.centre, before)
    nothing = model.train()(views, torch.zeros(4, dtype=torch.bool))
    model.zero_grad()
    nothing.backward()
    assert float(nothing.detach()) == 0
    assert all(not weight.grad.any() for weight in model.student.parameters())
    assert torch.equal(model.centre, before)
    for call, message in (
        (lambda: model(views[:1], present), "views must be at least 2 and whole 1 to their number, got 1 and 2"),
        (lambda: model(views, present, whole=3), "got 2 and 3"),
        (lambda: distiller(teacher_temperature=0), "temperatures must be above 0"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_views_are_cuts_of_their_own_image():
    image = torch.arange(4 * 10 * 12.0).reshape(4, 1, 10, 12)
    views = random_views(image, sides=[8, 8, 5, 10], generator=torch.Generator().manual_seed(0))
    assert [tuple(view.shape) for view in views] == [(4, 1, 8, 8), (4, 1, 8, 8), (4, 1, 5, 5), (4, 1, 10, 10)]
    for view in views:
        for index, cut in enumerate(view[:, 0]):
            row, col = divmod(int(cut[0, 0]) - 120 * index, 12)
            side = len(cut)
            assert torch.equal(cut, image[index, 0, row : row + side, col : col + side])
    again = random_views(image, sides=[8, 8, 5, 10], generator=torch.Generator().manual_seed(0))
    assert all(torch.equal(one, other) for one, other in zip(views, again, strict=True))
    assert not torch.equal(views[0], views[1])
    with pytest.raises(ValueError, match="sides must be from 1 to the image's 10 pixels, got 11"):
        random_views(image, sides=[11])


def test_spread_is_zero_one_way_and_one_all_ways():
    assert spread(torch.ones(50, 8) * torch.rand(50, 1)) == pytest.approx(0, abs=1e-6)
    assert spread(torch.randn(2000, 8)) == pytest.approx(1, abs=0.01)


def test_alignment_is_the_mean_over_pairs_that_share_places():
    embeddings = {name: torch.nn.functional.normalize(torch.randn(6, 4), dim=-1) for name in "abc"}
    present = {"a": torch.ones(6, dtype=torch.bool), "b": torch.arange(6) < 4, "c": torch.arange(6) > 1}
    scale = torch.tensor(5.0)
    losses = []
    for one, other in (("a", "b"), ("a", "c"), ("b", "c")):
        both = np.flatnonzero((present[one] & present[other]).numpy())
        x, y = embeddings[one].numpy()[both], embeddings[other].numpy()[both]
        logits = 5 * x @ y.T
        terms = [np.diag(logits) - np.log(np.exp(logits).sum(axis=axis)) for axis in (0, 1)]
        losses.append(-np.mean(terms))
    assert float(alignment_loss(embeddings, present, scale)) == pytest.approx(np.mean(losses), rel=1e-5)
    swapped = {name: embeddings[name] for name in "cba"}
    assert float(alignment_loss(swapped, present, scale)) == pytest.approx(np.mean(losses), rel=1e-5)
    # A place without data in a modality changes nothing there.
    embeddings["b"] = torch.where(present["b"][:, None], embeddings["b"], torch.randn(6, 4))
    assert float(alignment_loss(embeddings, present, scale)) == pytest.approx(np.mean(losses), rel=1e-5)


def test_nothing_to_tell_apart_is_no_loss():
    vectors = {name: torch.randn(3, 4, requires_grad=True) for name in "ab"}
    scale = torch.tensor(5.0, requires_grad=True)
    present = {"a": torch.tensor([True, True, False]), "b": torch.tensor([True, False, True])}
    loss = alignment_loss(vectors, present, scale)
    loss.backward()
    assert float(loss.detach()) == 0
    assert not any(part.grad.any() for part in (*vectors.values(), scale))
    assert retrieval(vectors, present) == 1
    assert math.isnan(retrieval(vectors, {"a": ~present["a"], "b": present["a"]}))


def test_retrieval_counts_partners_both_ways():
    eye = torch.eye(4)
    everywhere = dict.fromkeys("ab", torch.ones(4, dtype=torch.bool))
    assert retrieval({"a": eye, "b": eye}, everywhere) == 1
    assert retrieval({"a": eye, "b": eye[[1, 0, 2, 3]]}, everywhere) == 0.5


def test_modalities_without_an_encoder_are_named():
    model = ModalityAligner({"amplitude": tiny(2), "coherence": tiny(1)}, dim=8)
    found = model({"coherence": torch.randn(3, 1, 16, 16)})
    assert found.keys() == {"coherence"}
    torch.testing.assert_close(found["coherence"].norm(dim=-1), torch.ones(3))
    assert float(model.scale.detach()) == pytest.approx(1 / 0.07, rel=1e-6)
    with torch.no_grad():
        model.log_scale += 9
    assert float(model.scale.detach()) == pytest.approx(100, rel=1e-5)
    with pytest.raises(ValueError, match="images must be of amplitude, coherence, got optical"):
        model({"optical": torch.randn(3, 1, 16, 16)})
    with pytest.raises(ValueError, match="encoders must be at least two, got 1"):
        ModalityAligner({"amplitude": tiny()})


@pytest.mark.slow
def test_an_exported_network_takes_any_batch():
    encoder = VisionTransformer(2, side=16, patch=4, dim=8, depth=1, heads=2)
    model = RegressionHead(encoder, shape=(3, 5), width=8).eval()
    batch = {0: torch.export.Dim("batch")}
    exported = torch.export.export(model, (torch.zeros(2, 2, 16, 24),), dynamic_shapes=(batch,)).module()
    image = torch.randn(5, 2, 16, 24)
    torch.testing.assert_close(exported(image), model(image))
