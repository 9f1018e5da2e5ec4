/**
 * The ONNX node cases of convolutions, pools, norms, products and resizing that say nothing about an
 * archc operator, each with the reason. A case that is neither here nor tested fails the test.
 */
const PLANAR = 'archc works on images: no 3-D windows';
const CEIL = 'ceil_mode with windows that begin in the padding: archc rounds down, or pads `same`';
const COUNT_PAD = 'count_include_pad: in archc padding never enters a mean';
const POOL_DILATION = 'pools have no dilation';
const CUBIC = 'archc resizes nearest and bilinear, not cubic';
const CORNERS = 'align_corners: archc has half-pixel centres alone';
const ANTIALIAS = 'archc resizes without antialiasing';
const CROP = 'tf_crop_and_resize: archc resizes the whole image';

export const UNMAPPED_HEAVY: Readonly<Record<string, string>> = {
  test_averagepool_2d_ceil_last_window_starts_on_pad: `${CEIL}; ${COUNT_PAD}`,
  test_averagepool_2d_dilations: POOL_DILATION,
  test_averagepool_2d_pads_count_include_pad: COUNT_PAD,
  test_averagepool_2d_precomputed_pads_count_include_pad: COUNT_PAD,
  test_averagepool_3d_default: PLANAR,
  test_averagepool_3d_dilations_large_count_include_pad_is_0_ceil_mode_is_True: PLANAR,
  test_averagepool_3d_dilations_large_count_include_pad_is_1_ceil_mode_is_True: PLANAR,
  test_convinteger_without_padding: 'ConvInteger multiplies quantised integers; archc is float32',
  test_convtranspose_group_2: 'convtranspose has no groups',
  test_matmul_1d_1d: 'matmul takes two axes or more: a vector has its axis of 1 written out',
  test_maxpool_2d_dilations: POOL_DILATION,
  test_maxpool_3d_dilations: PLANAR,
  test_maxpool_3d_dilations_use_ref_impl_large: PLANAR,
  test_resize_downsample_scales_cubic_A_n0p5_exclude_outside: CUBIC,
  test_resize_downsample_scales_cubic_antialias: CUBIC,
  test_resize_downsample_scales_linear_align_corners: CORNERS,
  test_resize_downsample_scales_linear_half_pixel_symmetric:
    'half_pixel_symmetric with a scale that is not out / in',
  test_resize_downsample_sizes_cubic: CUBIC,
  test_resize_downsample_sizes_linear_antialias: ANTIALIAS,
  test_resize_tf_crop_and_resize_axes_2_3: CROP,
  test_resize_tf_crop_and_resize_extrapolation_value: CROP,
  test_resize_upsample_scales_cubic_A_n0p5_exclude_outside: CUBIC,
  test_resize_upsample_scales_cubic_asymmetric: CUBIC,
  test_resize_upsample_scales_linear_align_corners: CORNERS,
  test_resize_upsample_sizes_nearest_floor_align_corners: CORNERS,
};
