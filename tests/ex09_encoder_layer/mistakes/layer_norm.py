"""Wrong variants of `LayerNorm` (exercise 9), the likeliest first."""

import torch
import torch.nn.functional as F

from grader.authoring import device_mistake, mistake
from solutions import ex09_encoder_layer as reference


@mistake
class LayerNorm__unbiased_variance(reference.LayerNorm):
    """The variance is divided by d_model - 1, as `var` and `std` do by default. Layer norm divides by d_model."""

    def forward(self, x):
        variance = x.var(dim=-1, keepdim=True)
        return (x - x.mean(dim=-1, keepdim=True)) / torch.sqrt(variance + self.eps) * self.weight + self.bias


@mistake
class LayerNorm__root_then_square(reference.LayerNorm):
    """The standard deviation is squared again. If all features are equal, the gradient of its root is NaN."""

    def forward(self, x):
        variance = x.var(dim=-1, keepdim=True, correction=0).sqrt() ** 2
        return (x - x.mean(dim=-1, keepdim=True)) / torch.sqrt(variance + self.eps) * self.weight + self.bias


@mistake
class LayerNorm__eps_outside_the_root(reference.LayerNorm):
    """eps is added to the standard deviation. It belongs to the variance, before the root is taken."""

    def forward(self, x):
        deviation = x - x.mean(dim=-1, keepdim=True)
        root = deviation.square().mean(dim=-1, keepdim=True).sqrt()
        return deviation / (root + self.eps) * self.weight + self.bias


@mistake
class LayerNorm__unbiased_and_eps_outside(reference.LayerNorm):
    """`std` divides by d_model - 1, and eps is added after the root: two differences from layer norm."""

    def forward(self, x):
        deviation = x - x.mean(dim=-1, keepdim=True)
        return deviation / (x.std(dim=-1, keepdim=True) + self.eps) * self.weight + self.bias


@mistake
class LayerNorm__no_eps(reference.LayerNorm):
    """There is no eps: a token whose features are all equal is divided by zero."""

    def forward(self, x):
        deviation = x - x.mean(dim=-1, keepdim=True)
        return deviation / deviation.square().mean(dim=-1, keepdim=True).sqrt() * self.weight + self.bias


@mistake
class LayerNorm__eps_of_its_own(reference.LayerNorm):
    """eps is hard-coded in the formula. The one that the module was made with is not used."""

    def forward(self, x):
        deviation = x - x.mean(dim=-1, keepdim=True)
        return deviation / (deviation.square().mean(dim=-1, keepdim=True) + 1e-5).sqrt() * self.weight + self.bias


@mistake
class LayerNorm__weight_and_bias_unused(reference.LayerNorm):
    """`weight` and `bias` are not used. They start as 1 and 0, so this stays hidden until something is learned."""

    def forward(self, x):
        deviation = x - x.mean(dim=-1, keepdim=True)
        return deviation / (deviation.square().mean(dim=-1, keepdim=True) + self.eps).sqrt()


@mistake
class LayerNorm__root_of_the_standard_deviation(reference.LayerNorm):
    """The root is taken of the standard deviation, which is a root already. It belongs around the variance."""

    def forward(self, x):
        deviation = x - x.mean(dim=-1, keepdim=True)
        root = deviation.square().mean(dim=-1, keepdim=True).sqrt()
        return deviation / torch.sqrt(root + self.eps) * self.weight + self.bias


@mistake
class LayerNorm__variance_squared(reference.LayerNorm):
    """The variance is squared under the root. It is a mean of squares already."""

    def forward(self, x):
        deviation = x - x.mean(dim=-1, keepdim=True)
        variance = deviation.square().mean(dim=-1, keepdim=True)
        return deviation / torch.sqrt(variance.square() + self.eps) * self.weight + self.bias


@mistake
class LayerNorm__bias_unused(reference.LayerNorm):
    """`bias` is never added."""

    def forward(self, x):
        return super().forward(x) - self.bias


@mistake
class LayerNorm__bias_before_weight(reference.LayerNorm):
    """The bias is added before the multiplication with the weight, so the weight scales it too."""

    def forward(self, x):
        return super().forward(x) - self.bias + self.bias * self.weight


@mistake
class LayerNorm__over_the_sequence(reference.LayerNorm):
    """Mean and variance run over the tokens of a sentence. Each token has its own, over its features."""

    def forward(self, x):
        deviation = x - x.mean(dim=-2, keepdim=True)
        return deviation / (deviation.square().mean(dim=-2, keepdim=True) + self.eps).sqrt() * self.weight + self.bias


@mistake
class LayerNorm__over_the_batch(reference.LayerNorm):
    """Mean and variance run over the batch: that is batch norm. Each token has its own, over its features."""

    def forward(self, x):
        deviation = x - x.mean(dim=0, keepdim=True)
        return deviation / (deviation.square().mean(dim=0, keepdim=True) + self.eps).sqrt() * self.weight + self.bias


@mistake
class LayerNorm__over_everything(reference.LayerNorm):
    """One mean and one variance for the whole tensor. Each token has its own, over its features."""

    def forward(self, x):
        deviation = x - x.mean()
        return deviation / (deviation.square().mean() + self.eps).sqrt() * self.weight + self.bias


@mistake
class LayerNorm__over_all_but_the_batch(reference.LayerNorm):
    """One mean and one variance for a whole sentence. Each token has its own, over its features."""

    def forward(self, x):
        axes = list(range(1, x.dim())) or [0]
        deviation = x - x.mean(dim=axes, keepdim=True)
        return deviation / (deviation.square().mean(dim=axes, keepdim=True) + self.eps).sqrt() * self.weight + self.bias


@mistake
class LayerNorm__mean_kept(reference.LayerNorm):
    """The mean is not subtracted, only the scale is changed: that is RMS norm."""

    def forward(self, x):
        return x / (x.square().mean(dim=-1, keepdim=True) + self.eps).sqrt() * self.weight + self.bias


@mistake
class LayerNorm__divided_by_the_variance(reference.LayerNorm):
    """The root is missing: the deviation is divided by the variance itself."""

    def forward(self, x):
        deviation = x - x.mean(dim=-1, keepdim=True)
        return deviation / (deviation.square().mean(dim=-1, keepdim=True) + self.eps) * self.weight + self.bias


@mistake
class LayerNorm__three_axes_only(reference.LayerNorm):
    """The features are assumed to be axis 2. They are the last axis, however many come before."""

    def forward(self, x):
        deviation = x - x.mean(dim=2, keepdim=True)
        return deviation / (deviation.square().mean(dim=2, keepdim=True) + self.eps).sqrt() * self.weight + self.bias


@mistake
class LayerNorm__statistics_detached(reference.LayerNorm):
    """Mean and variance are cut off from the graph, so the gradient is that of a mere scaling."""

    def forward(self, x):
        mean, variance = x.mean(-1, keepdim=True).detach(), x.var(-1, keepdim=True, correction=0).detach()
        return (x - mean) / torch.sqrt(variance + self.eps) * self.weight + self.bias


@mistake
class LayerNorm__library_call(reference.LayerNorm):
    """The library's layer norm does the work that this exercise asks you to do yourself."""

    def forward(self, x):
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, self.eps)


@mistake
class LayerNorm__in_place(reference.LayerNorm):
    """The mean is subtracted in place, so the caller's tensor changes too."""

    def forward(self, x):
        result = super().forward(x)
        if not x.requires_grad:
            x -= x.mean(dim=-1, keepdim=True)
        return result


@mistake
class LayerNorm__computed_in_float32(reference.LayerNorm):
    """The norm is computed in float32 and converted back, which costs a float64 input half of its digits."""

    def forward(self, x):
        return super().forward(x.float()).to(x.dtype) + 0 * x if x.dtype is torch.float64 else super().forward(x)


@device_mistake
class LayerNorm__eps_on_the_cpu(reference.LayerNorm):
    """eps is made a tensor with an axis, on the default device, and cannot be added to a variance on another one."""

    def forward(self, x):
        deviation = x - x.mean(dim=-1, keepdim=True)
        variance = deviation.square().mean(dim=-1, keepdim=True) + torch.tensor([self.eps], dtype=x.dtype)
        return deviation / torch.sqrt(variance) * self.weight + self.bias
