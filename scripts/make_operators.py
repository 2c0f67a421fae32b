#!/usr/bin/env python3
"""Writes src/model/operators/{allowed,refused}.txt: which of libtorch's operators the code of a weights file may name.

Run it with the Python of the PyTorch version that setup.sh fetches (pip install torch==VERSION), and read the difference:

    python scripts/make_operators.py

Allowed is what computes on values that the net already has. Refused is the rest, with the reasons below: above all what
names files, prints, or starts other threads, then what reaches into memory or trusts what it is told about it.
"""

from pathlib import Path

import torch

FOLDER = Path(__file__).resolve().parent.parent / "src/model/operators"

# Names with a leading underscore are internals; these are what PyTorch's own layers call.
INTERNALS = """
_convolution _convolution_mode _unwrap_optional _weight_norm _set_item _pad_enum _pad_circular _softmax _log_softmax _assert_scalar
_upsample_bicubic2d_aa _upsample_bilinear2d_aa _upsample_lanczos2d_aa _upsample_nearest_exact1d _upsample_nearest_exact2d
_upsample_nearest_exact3d _adaptive_avg_pool2d _adaptive_avg_pool3d _batch_norm_impl_index _scaled_dot_product_attention_math
_native_multi_head_attention _transformer_encoder_layer_fwd _unique _unique2 _trilinear _cdist_forward _shape_as_tensor
_dim_arange _nested_tensor_from_mask _nested_tensor_from_mask_left_aligned _cast_Float _cast_Double _cast_Half _cast_Int _cast_Long _cast_Byte _cast_Char _cast_Short
""".split()

# Of `prim`, which has the interpreter's own operators.
PRIM = """
RaiseException device dtype layout min max abs data grad requires_grad is_cpu is_cuda is_nested is_quantized is_sparse is_meta
is_mkldnn is_mps is_xla is_xpu itemsize nbytes NumToTensor TupleIndex TupleUnpack
rangelist tolist unchecked_unwrap_optional type index id StringIndex EnumName EnumValue IfThenElse
""".split()

REASONS = {
    "names files": ["save", "from_file"],
    "prints": ["_print"],
    "waits for other threads": ["wait", "fork"],
    "sets what holds for the whole program": [
        "manual_seed", "set_data", "autocast_to_full_precision", "autocast_to_reduced_precision",
    ],
    "believes what it is told of sizes (seen to crash); layers use others": ["native_batch_norm", "ctc_loss"],
    "changes the memory below a tensor": [
        "set_", "set", "resize_", "resize", "resize_as_", "resize_as", "resize_as_sparse_", "resize_as_sparse", "record_stream",
        "data_ptr", "get_gradients", "backward", "retain_grad",
    ],
}
# By their beginning or end: they believe what they are told of indices, or belong to devices and data types of their own.
BEGINNINGS = ("sparse_", "to_sparse", "fbgemm_", "cudnn_", "miopen_", "mkldnn_", "quantize", "quantized_", "fake_quantize",
              "q_", "choose_qparams", "int_repr", "dequantize", "ccol_", "crow_", "col_indices", "row_indices", "sspaddmm",
              "hspmm", "coalesce", "is_coalesced", "indices", "nested_", "to_mkldnn", "copy_sparse", "fused_moving",
              "mps_", "batch_norm_gather", "batch_norm_backward", "batch_norm_stats", "batch_norm_elemt", "batch_norm_update",
              "sym_", "segment_reduce", "rowwise_prune", "embedding_renorm", "index_put_impl")
ENDINGS = ("_backward", "_backward_data", "_backward_weight", "_backward_input", "_backward_weight_bias", "_jvp", "_for_backward",
           "_forward_output")


def is_allowed(name):
    if any(name in names for names in REASONS.values()):
        return False
    if name.startswith("_") and not name.startswith("__"):
        return name in INTERNALS
    return not name.startswith(BEGINNINGS) and not name.endswith(ENDINGS)


def write(name, about, operators):
    lines, line = [f"# {about}", "# Made by scripts/make_operators.py from the operators of libtorch " + torch.__version__.split("+")[0] + "."], ""
    for operator in operators:
        if len(line) + len(operator) > 118:
            lines.append(line.strip())
            line = ""
        line += operator + " "
    (FOLDER / name).write_text("\n".join([*lines, line.strip()]) + "\n")


def main():
    names = {schema.name for schema in torch._C._jit_get_all_schemas()}
    aten = sorted({name.split("::")[1] for name in names if name.startswith("aten::")})
    prim = sorted({name.split("::")[1] for name in names if name.startswith("prim::")})
    unknown = [name for name in INTERNALS if name not in aten] + [name for name in PRIM if name not in prim]
    if unknown:
        raise SystemExit(f"not operators of this version: {' '.join(unknown)}")
    allowed = [name for name in aten if is_allowed(name)] + [f"prim.{name}" for name in prim if name in PRIM]
    refused = [name for name in aten if not is_allowed(name)]
    write("allowed.txt", "Operators that the code of a weights file may name: torch.NAME, ops.aten.NAME, ops.prim.NAME.", allowed)
    write("refused.txt", "The others: refused as attributes, too, by which TorchScript would find them on a value.", refused)
    print(f"{len(allowed)} allowed, {len(refused)} refused")


if __name__ == "__main__":
    main()
