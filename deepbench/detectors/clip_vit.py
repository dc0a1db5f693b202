"""CLIP's image encoder (Radford et al., ICML 2021, arXiv:2103.00020), up to its class token.

Written out here because nothing but the class token is wanted: in the last layer the others serve
as keys and values alone. Names of submodules are those of published files.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

HEAD_WIDTH = 64  # channels of one attention head, in every CLIP ViT
EPSILON = 1e-5  # of layer norms

QUICK = 1.702  # CLIP's activation is x * sigmoid(1.702 x)

Tokens = Float[Tensor, "n token channel"]
Gathered = Float[Tensor, "n {wanted} channel"]


class VitSize(NamedTuple):
    """What fixes every tensor's shape."""

    hidden: int  # channels of a token
    layers: int
    mlp: int  # channels within the two-layer perceptron
    patch: int  # pixels
    image: int  # pixels
    rank: int = 1  # of the residuals that Effort adds


class ClassToken(nn.Module):
    """From images to the class token behind the last layer, normalised."""

    def __init__(self, size: VitSize) -> None:
        super().__init__()
        self.embeddings = Embeddings(size)
        self.pre_layrnorm = nn.LayerNorm(size.hidden, EPSILON)  # named as published
        self.encoder = Encoder(size)
        self.post_layernorm = nn.LayerNorm(size.hidden, EPSILON)

    def fold(self) -> None:
        """Give up the published weights for others that give the same output faster."""
        for part in self.modules():
            if isinstance(part, Perceptron):
                part.fold()

    def forward(self, x: Float[Tensor, "n 3 s s"]) -> Float[Tensor, "n channel"]:
        """The class token; the images' side is the one that the network was built for."""
        token: Tensor = self.post_layernorm(self.encoder(self.pre_layrnorm(self.embeddings(x))))
        return token


class Embeddings(nn.Module):
    """Patches as tokens after a class token, each with its place."""

    def __init__(self, size: VitSize) -> None:
        super().__init__()
        self.class_embedding = nn.Parameter(torch.empty(size.hidden))
        self.patch_embedding = nn.Conv2d(3, size.hidden, size.patch, size.patch, bias=False)
        places = (size.image // size.patch) ** 2 + 1
        # random values, which its own would be on the meta device, take torch seconds of imports
        own = torch.empty(places, size.hidden)
        self.position_embedding = nn.Embedding(places, size.hidden, _weight=own)

    def forward(self, x: Float[Tensor, "n 3 s s"]) -> Tokens:
        """One token for the class, then the patches row by row."""
        patches = self.patch_embedding(x).flatten(2).transpose(1, 2)
        first = self.class_embedding.expand(x.shape[0], 1, -1)
        return torch.cat([first, patches], dim=1) + self.position_embedding.weight


class Encoder(nn.Module):
    """All layers; of the last one only the class token."""

    def __init__(self, size: VitSize) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(size) for _ in range(size.layers))

    def forward(self, tokens: Tokens) -> Float[Tensor, "n channel"]:
        """The class token, which has looked at all others in every layer."""
        *first, last = self.layers
        for layer in first:
            tokens = layer(tokens, tokens.shape[1])
        token: Tensor = last(tokens, 1)[:, 0]
        return token


class Layer(nn.Module):
    """Attention, then a perceptron, each beside a way round it."""

    def __init__(self, size: VitSize) -> None:
        super().__init__()
        self.layer_norm1 = nn.LayerNorm(size.hidden, EPSILON)
        self.self_attn = Attention(size.hidden)
        self.layer_norm2 = nn.LayerNorm(size.hidden, EPSILON)
        self.mlp = Perceptron(size)

    def forward(self, tokens: Tokens, wanted: int) -> Gathered:
        """The first `wanted` tokens after the layer; all of them are looked at."""
        tokens = tokens[:, :wanted] + self.self_attn(self.layer_norm1(tokens), wanted)
        after: Tensor = tokens + self.mlp(self.layer_norm2(tokens))
        return after


class Attention(nn.Module):
    """Self-attention of several heads."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.q_proj = nn.Linear(hidden, hidden)
        self.k_proj = nn.Linear(hidden, hidden)
        self.v_proj = nn.Linear(hidden, hidden)
        self.out_proj = nn.Linear(hidden, hidden)

    def forward(self, tokens: Tokens, wanted: int) -> Gathered:
        """What the first `wanted` tokens gather from all."""
        query, key, value = (
            made.unflatten(-1, (-1, HEAD_WIDTH)).transpose(1, 2)
            for made in (self.q_proj(tokens[:, :wanted]), self.k_proj(tokens), self.v_proj(tokens))
        )
        gathered = F.scaled_dot_product_attention(query, key, value)
        out: Tensor = self.out_proj(gathered.transpose(1, 2).flatten(2))
        return out


class Perceptron(nn.Module):
    """Two linear layers with CLIP's activation between them."""

    def __init__(self, size: VitSize) -> None:
        super().__init__()
        self.fc1 = nn.Linear(size.hidden, size.mlp)
        self.fc2 = nn.Linear(size.mlp, size.hidden)
        self.folded = False

    def fold(self) -> None:
        """Move the activation's factor into the weights, for which torch has one fast function.

        x * sigmoid(1.702 x) = silu(1.702 x) / 1.702
        """
        self.fc1.weight = nn.Parameter(self.fc1.weight * QUICK)
        self.fc1.bias = nn.Parameter(self.fc1.bias * QUICK)
        self.fc2.weight = nn.Parameter(self.fc2.weight / QUICK)
        self.folded = True

    def forward(self, tokens: Tokens) -> Tokens:
        """Each token by itself."""
        x = self.fc1(tokens)
        x = F.silu(x, inplace=True) if self.folded else x * torch.sigmoid(QUICK * x)
        out: Tensor = self.fc2(x)
        return out
