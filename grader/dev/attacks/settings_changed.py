"""Leaves torch with other defaults for whoever comes next."""
import random

import numpy
import torch

torch.set_default_dtype(torch.float64)
torch.set_grad_enabled(False)
torch.set_num_threads(64)
torch.use_deterministic_algorithms(True)
torch.set_printoptions(precision=1)
random.seed(0)
numpy.random.seed(0)
torch.set_default_device("meta")
