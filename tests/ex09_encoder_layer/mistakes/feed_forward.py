"""Wrong variants of `FeedForward` (exercise 9), the likeliest first."""

import torch
import torch.nn.functional as F

from grader.authoring import device_mistake, mistake
from solutions import ex09_encoder_layer as reference


@mistake
class FeedForward__no_relu(reference.FeedForward):
    """There is no ReLU: two linear maps in a row are one linear map."""

    def forward(self, x):
        return self.linear_out(self.dropout(self.linear_in(x)))


@mistake
class FeedForward__relu_at_the_end(reference.FeedForward):
    """The ReLU comes after the second map. So the result is never negative, and the two maps act as one."""

    def forward(self, x):
        return torch.relu(self.linear_out(self.dropout(self.linear_in(x))))


@mistake
class FeedForward__relu_twice(reference.FeedForward):
    """A second ReLU follows the second map, so the result is never negative."""

    def forward(self, x):
        return torch.relu(super().forward(x))


@mistake
class FeedForward__gelu(reference.FeedForward):
    """GELU takes the place of ReLU. Later models do that; the paper, and this exercise, use ReLU."""

    def forward(self, x):
        return self.linear_out(self.dropout(F.gelu(self.linear_in(x))))


@mistake
class FeedForward__residual_inside(reference.FeedForward):
    """The input is added here. The residual connection belongs to the layer around it, which adds it again."""

    def forward(self, x):
        return x + super().forward(x)


@mistake
class FeedForward__no_dropout(reference.FeedForward):
    """`dropout` is never used inside the feed-forward."""

    def forward(self, x):
        return self.linear_out(torch.relu(self.linear_in(x)))


@mistake
class FeedForward__dropout_at_the_end(reference.FeedForward):
    """Dropout comes after the second map. Here it belongs between the ReLU and the second map."""

    def forward(self, x):
        return self.dropout(self.linear_out(torch.relu(self.linear_in(x))))


@mistake
class FeedForward__dropout_always_on(reference.FeedForward):
    """Dropout stays on in eval mode, so the same input gives a different result in every call."""

    def forward(self, x):
        return self.linear_out(F.dropout(torch.relu(self.linear_in(x)), self.dropout.p, training=True))


@mistake
class FeedForward__dropout_not_scaled(reference.FeedForward):
    """What dropout keeps is not scaled up, so in training everything is smaller than in eval mode."""

    def forward(self, x):
        hidden = torch.relu(self.linear_in(x))
        if self.training:
            hidden = hidden * (torch.rand_like(hidden) >= self.dropout.p)
        return self.linear_out(hidden)


@mistake
class FeedForward__input_dropped_too(reference.FeedForward):
    """The input goes through dropout as well. It has one place here: between the ReLU and linear_out."""

    def forward(self, x):
        return super().forward(self.dropout(x))


@device_mistake
class FeedForward__zeros_on_the_cpu(reference.FeedForward):
    """The zeros of the ReLU are made on the default device, but the features may be on a different one."""

    def forward(self, x):
        hidden = self.linear_in(x)
        hidden = torch.maximum(hidden, torch.zeros(hidden.size(-1), dtype=x.dtype))
        return self.linear_out(self.dropout(hidden))
