/** One accelerator as its maker states it: dense (no structured sparsity) peak rates. */
export interface Hardware {
  /** Name used on the command line, such as `H100`. */
  readonly name: string;
  /** Other spellings accepted, lower case. */
  readonly aliases: readonly string[];
  /** Peak dense FLOP/s by precision; one that the device lacks, or whose rate its maker doesn't state, is absent. */
  readonly peakFlops: Readonly<Partial<Record<Precision, number>>>;
  /** Device memory in bytes. A maker's GB is read as 1e9 bytes, its GiB as 2^30. */
  readonly memoryBytes: number;
  /** Memory bandwidth in bytes a second. */
  readonly memoryBandwidth: number;
  /**
   * Board power in watts (TDP); for TPUs the figure published, and what it covers is said in `note`. null where the
   * maker states none.
   */
  readonly watts: number | null;
  /** On-demand list price of one device in US dollars an hour, with who asked it and when; null where none is known. */
  readonly dollarsPerHour: { readonly value: number; readonly source: string; readonly date: string } | null;
  /** Title and address of the datasheet or page. */
  readonly source: string;
  /** ISO date (YYYY, YYYY-MM or YYYY-MM-DD) of the source, or of its reading where it bears none. */
  readonly date: string;
  readonly note?: string;
}

/** Number format of the factors. `fp64` is the Tensor Core rate where the device has one, `fp32` the plain rate. */
export type Precision = 'fp64' | 'fp32' | 'tf32' | 'fp16' | 'bf16' | 'fp8' | 'int8';

const a100Datasheet =
  'NVIDIA A100 Tensor Core GPU datasheet, https://www.nvidia.com/content/dam/en-zz/Solutions/Data-Center/a100/pdf/nvidia-a100-datasheet-us-nvidia-1758950-r4-web.pdf';
const h100Whitepaper =
  'NVIDIA H100 Tensor Core GPU Architecture whitepaper V1.04, Tables 1 and 3, https://nvdam.widen.net/s/95bdhpsgrs/nvidia_h100_tensor_core_gpu_architecture_whitepaper_v1.03';
const runpodSecure = 'RunPod, Secure Cloud, https://www.runpod.io/pricing';
const googleTpu = 'Google Cloud, https://cloud.google.com/tpu/pricing';

export const hardwareCatalogue: readonly Hardware[] = [
  {
    name: 'A100',
    aliases: ['a100-80gb', 'a100-sxm', 'a100-sxm-80gb', 'a100-sxm4-80gb', 'nvidia a100-sxm4-80gb'],
    peakFlops: { fp64: 19.5e12, fp32: 19.5e12, tf32: 156e12, fp16: 312e12, bf16: 312e12, int8: 624e12 },
    memoryBytes: 80e9,
    memoryBandwidth: 2039e9,
    watts: 400,
    dollarsPerHour: { value: 1.79, source: runpodSecure, date: '2026-11-09' },
    source: a100Datasheet,
    date: '2021-06',
    note: 'SXM4, 80 GB. The datasheet prints dense and sparse rates side by side; these are the dense ones.',
  },
  {
    name: 'A100-40GB',
    aliases: ['a100-sxm-40gb', 'a100-sxm4-40gb', 'nvidia a100-sxm4-40gb'],
    peakFlops: { fp64: 19.5e12, fp32: 19.5e12, tf32: 156e12, fp16: 312e12, bf16: 312e12, int8: 624e12 },
    memoryBytes: 40e9,
    memoryBandwidth: 1555e9,
    watts: 400,
    dollarsPerHour: { value: 1.99, source: 'Lambda, 1x A100 SXM 40 GB, https://lambda.ai/pricing', date: '2026-09-25' },
    source:
      'NVIDIA A100 Tensor Core GPU Architecture whitepaper, https://images.nvidia.com/aem-dam/en-zz/Solutions/data-center/nvidia-ampere-architecture-whitepaper.pdf',
    date: '2020-05',
    note: 'SXM4, 40 GB.',
  },
  {
    name: 'A100-PCIe',
    aliases: ['a100-pcie-80gb', 'a100-80gb-pcie', 'nvidia a100 80gb pcie'],
    peakFlops: { fp64: 19.5e12, fp32: 19.5e12, tf32: 156e12, fp16: 312e12, bf16: 312e12, int8: 624e12 },
    memoryBytes: 80e9,
    memoryBandwidth: 1935e9,
    watts: 300,
    dollarsPerHour: { value: 1.79, source: runpodSecure, date: '2026-11-09' },
    source: a100Datasheet,
    date: '2021-06',
    note: 'PCIe card, 80 GB.',
  },
  {
    name: 'H100',
    aliases: ['h100-80gb', 'h100-sxm', 'h100-sxm5', 'h100-sxm-80gb', 'nvidia h100 80gb hbm3'],
    peakFlops: {
      fp64: 66.9e12,
      fp32: 66.9e12,
      tf32: 494.7e12,
      fp16: 989.4e12,
      bf16: 989.4e12,
      fp8: 1978.9e12,
      int8: 1978.9e12,
    },
    memoryBytes: 80e9,
    memoryBandwidth: 3350e9,
    watts: 700,
    dollarsPerHour: { value: 3.99, source: runpodSecure, date: '2026-11-09' },
    source: h100Whitepaper,
    date: '2026-09-28',
    note: 'SXM5, 80 GB. The product page (https://www.nvidia.com/en-us/data-center/h100/) prints twice these Tensor Core rates (bf16 1,979), with sparsity; bandwidth and up to 700 W (configurable) are from that page.',
  },
  {
    name: 'H100-PCIe',
    aliases: ['h100-pcie-80gb', 'nvidia h100 pcie'],
    peakFlops: {
      fp64: 51.2e12,
      fp32: 51.2e12,
      tf32: 378e12,
      fp16: 756e12,
      bf16: 756e12,
      fp8: 1513e12,
      int8: 1513e12,
    },
    memoryBytes: 80e9,
    memoryBandwidth: 2000e9,
    watts: 350,
    dollarsPerHour: { value: 2.89, source: runpodSecure, date: '2026-11-09' },
    source: h100Whitepaper,
    date: '2026-09-28',
    note: 'PCIe card, 80 GB. The datasheet prints twice these Tensor Core rates (bf16 1,513), with sparsity.',
  },
  {
    name: 'H100-NVL',
    aliases: ['h100-nvl-94gb', 'nvidia h100 nvl'],
    peakFlops: {
      fp64: 60e12,
      fp32: 60e12,
      tf32: 417.5e12,
      fp16: 835.5e12,
      bf16: 835.5e12,
      fp8: 1670.5e12,
      int8: 1670.5e12,
    },
    memoryBytes: 94e9,
    memoryBandwidth: 3900e9,
    watts: 400,
    dollarsPerHour: { value: 3.19, source: runpodSecure, date: '2026-11-09' },
    source: 'NVIDIA H100 Tensor Core GPU, product page, https://www.nvidia.com/en-us/data-center/h100/',
    date: '2026-09-28',
    note: 'One card of 94 GB, not the bridged pair. The page prints Tensor Core rates with sparsity (bf16 1,671); tf32 to int8 here are half of them. Power is 350 to 400 W, configurable.',
  },
  {
    name: 'H200',
    aliases: ['h200-sxm', 'h200-141gb', 'h200-sxm-141gb', 'nvidia h200'],
    peakFlops: {
      fp64: 67e12,
      fp32: 67e12,
      tf32: 494.5e12,
      fp16: 989.5e12,
      bf16: 989.5e12,
      fp8: 1979e12,
      int8: 1979e12,
    },
    memoryBytes: 141e9,
    memoryBandwidth: 4800e9,
    watts: 700,
    dollarsPerHour: { value: 4.59, source: runpodSecure, date: '2026-10-07' },
    source: 'NVIDIA H200 Tensor Core GPU, product page, https://www.nvidia.com/en-us/data-center/h200/',
    date: '2026-09-23',
    note: 'SXM, 141 GB. The page prints Tensor Core rates with sparsity (bf16 1,979); tf32 to int8 here are half of them, so they differ from the H100 row by rounding only.',
  },
  {
    name: 'B200',
    aliases: ['b200-sxm', 'b200-sxm6', 'b200-180gb', 'hgx-b200', 'nvidia b200'],
    peakFlops: {
      fp64: 37e12,
      fp32: 75e12,
      tf32: 1100e12,
      fp16: 2250e12,
      bf16: 2250e12,
      fp8: 4500e12,
      int8: 4500e12,
    },
    memoryBytes: 180e9,
    memoryBandwidth: 7700e9,
    watts: 1000,
    dollarsPerHour: { value: 6.79, source: runpodSecure, date: '2026-10-07' },
    source:
      'NVIDIA Blackwell Architecture Technical Brief V2.1, Table 3 (HGX B200, each GPU), https://resources.nvidia.com/en-us-blackwell-architecture',
    date: '2025',
    note: 'One GPU of an HGX B200. Dense rates; bf16 and fp16 are half of the 4.5 PFLOP/s printed with sparsity (the dense column cuts to 2.2). The brief says up to 192 GB; boards ship with 180 GB (DGX B200: 1,440 GB for eight), and the DGX page rounds the bandwidth to 8 TB/s.',
  },
  {
    name: 'L4',
    aliases: ['l4-24gb', 'nvidia l4'],
    peakFlops: { fp32: 30.3e12, tf32: 60e12, fp16: 121e12, bf16: 121e12, fp8: 242.5e12, int8: 242.5e12 },
    memoryBytes: 24e9,
    memoryBandwidth: 300e9,
    watts: 72,
    dollarsPerHour: {
      value: 0.8048,
      source: 'AWS, g6.xlarge (one L4) in us-east-1, https://aws.amazon.com/ec2/pricing/on-demand/',
      date: '2026-09-26',
    },
    source: 'NVIDIA L4 Tensor Core GPU, product page, https://www.nvidia.com/en-us/data-center/l4/',
    date: '2023-03',
    note: 'The page prints Tensor Core rates with sparsity (bf16 242); tf32 to int8 here are half of them. The price includes the virtual machine.',
  },
  {
    name: 'L40S',
    aliases: ['l40s-48gb', 'nvidia l40s'],
    peakFlops: { fp32: 91.6e12, tf32: 183e12, fp16: 362.05e12, bf16: 362.05e12, fp8: 733e12, int8: 733e12 },
    memoryBytes: 48e9,
    memoryBandwidth: 864e9,
    watts: 350,
    dollarsPerHour: { value: 1.09, source: runpodSecure, date: '2026-09-25' },
    source: 'NVIDIA L40S GPU, datasheet, https://www.nvidia.com/en-us/data-center/l40s/',
    date: '2023-08',
    note: 'The datasheet prints dense and sparse rates side by side; these are the dense ones. Its bf16 pair is 362.05 and 733, not quite one to two.',
  },
  {
    name: 'RTX-4090',
    aliases: ['4090', 'rtx4090', 'rtx 4090', 'geforce rtx 4090', 'nvidia geforce rtx 4090'],
    peakFlops: { fp32: 82.6e12, tf32: 82.6e12, fp16: 165.2e12, bf16: 165.2e12, fp8: 330.3e12, int8: 660.6e12 },
    memoryBytes: 24e9,
    memoryBandwidth: 1008e9,
    watts: 450,
    dollarsPerHour: { value: 0.74, source: runpodSecure, date: '2026-09-25' },
    source:
      'NVIDIA Ada GPU Architecture whitepaper V2.02, Appendix A, https://images.nvidia.com/aem-dam/Solutions/geforce/ada/nvidia-ada-gpu-architecture.pdf',
    date: '2023',
    note: 'fp16 and fp8 are the dense rates with fp32 accumulation, as training uses; with fp16 accumulation the whitepaper gives twice as much (330.3 and 660.6).',
  },
  {
    name: 'V100',
    aliases: ['v100-32gb', 'v100-sxm2', 'v100-sxm2-32gb', 'tesla v100-sxm2-32gb'],
    peakFlops: { fp64: 7.8e12, fp32: 15.7e12, fp16: 125e12 },
    memoryBytes: 32e9,
    memoryBandwidth: 900e9,
    watts: 300,
    dollarsPerHour: null,
    source:
      'NVIDIA V100 Tensor Core GPU datasheet, https://images.nvidia.com/content/technologies/volta/pdf/volta-v100-datasheet-update-us-1165301-r5.pdf',
    date: '2020-01',
    note: 'SXM2, 32 GB. Tensor Cores multiply fp16 only. Lambda asked 0.79 dollars an hour for the 16 GB model on 2026-09-20.',
  },
  {
    name: 'T4',
    aliases: ['t4-16gb', 'tesla t4', 'nvidia t4'],
    peakFlops: { fp32: 8.1e12, fp16: 65e12, int8: 130e12 },
    memoryBytes: 16e9,
    memoryBandwidth: 320e9,
    watts: 70,
    dollarsPerHour: {
      value: 0.526,
      source: 'AWS, g4dn.xlarge (one T4) in us-east-1, https://aws.amazon.com/ec2/pricing/on-demand/',
      date: '2024',
    },
    source:
      'NVIDIA T4 Tensor Core GPU datasheet, https://www.nvidia.com/content/dam/en-zz/Solutions/Data-Center/tesla-t4/t4-tensor-core-datasheet-951643.pdf',
    date: '2019',
    note: 'The product page gives 320+ GB/s (256 bits at 10 Gb/s), the datasheet 300 GB/s. The price includes the virtual machine.',
  },
  {
    name: 'TPU-v3',
    aliases: ['tpuv3', 'tpu v3', 'v3'],
    peakFlops: { bf16: 123e12 },
    memoryBytes: 34_359_738_368,
    memoryBandwidth: 900e9,
    watts: 220,
    dollarsPerHour: { value: 2, source: `${googleTpu}, v3-8 (four chips) in us-central1 at 8.00`, date: '2022-04' },
    source:
      'Google Cloud, TPU v3, https://docs.cloud.google.com/tpu/docs/v3; Jouppi et al., A Domain-Specific Supercomputer for Training Deep Neural Networks, CACM 63(7)',
    date: '2020-07',
    note: 'One chip (two cores). 32 GiB. Power is the mean that Google measured for a chip (minimum 123 W, maximum 262 W), not a TDP and without the host.',
  },
  {
    name: 'TPU-v4',
    aliases: ['tpuv4', 'tpu v4', 'v4'],
    peakFlops: { bf16: 275e12, int8: 275e12 },
    memoryBytes: 34_359_738_368,
    memoryBandwidth: 1200e9,
    watts: 170,
    dollarsPerHour: { value: 3.22, source: `${googleTpu}, us-central2`, date: '2025-01-31' },
    source:
      'Google Cloud, TPU v4, https://docs.cloud.google.com/tpu/docs/v4; Jouppi et al., TPU v4: An Optically Reconfigurable Supercomputer for Machine Learning, ISCA 2023',
    date: '2023-06',
    note: 'One chip (two cores). 32 GiB. Power is the mean that Google measured for a chip (minimum 90 W, maximum 192 W), not a TDP and without the host.',
  },
  {
    name: 'TPU-v5e',
    aliases: ['tpuv5e', 'tpu v5e', 'v5e', 'v5litepod'],
    peakFlops: { bf16: 197e12, int8: 393e12 },
    memoryBytes: 16e9,
    memoryBandwidth: 819e9,
    watts: null,
    dollarsPerHour: { value: 1.2, source: googleTpu, date: '2025-02' },
    source: 'Google Cloud, TPU v5e, https://docs.cloud.google.com/tpu/docs/v5e',
    date: '2026-08-10',
    note: 'One chip. Bandwidth as the page gave it at first; it now reads 800 GiBps (859e9).',
  },
  {
    name: 'TPU-v5p',
    aliases: ['tpuv5p', 'tpu v5p', 'v5p'],
    peakFlops: { bf16: 459e12, int8: 918e12 },
    memoryBytes: 95e9,
    memoryBandwidth: 2765e9,
    watts: null,
    dollarsPerHour: { value: 4.2, source: googleTpu, date: '2025-02' },
    source: 'Google Cloud, TPU v5p, https://docs.cloud.google.com/tpu/docs/v5p',
    date: '2023-12',
    note: 'One chip.',
  },
  {
    name: 'TPU-v6e',
    aliases: ['tpuv6e', 'tpu v6e', 'v6e', 'trillium'],
    peakFlops: { bf16: 918e12, int8: 1836e12 },
    memoryBytes: 32e9,
    memoryBandwidth: 1638e9,
    watts: null,
    dollarsPerHour: { value: 2.7, source: `${googleTpu}, us-east5`, date: '2026-08-01' },
    source: 'Google Cloud, TPU v6e, https://docs.cloud.google.com/tpu/docs/v6e',
    date: '2026-08-10',
    note: 'One chip.',
  },
];
