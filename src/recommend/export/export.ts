import { ShapelawError } from '../../errors.js';
import type { Shape } from '../../flops/shape.js';
import {
  checkedTraining,
  type ExportedConfiguration,
  type ExportFormat,
  type ExportTraining,
  exportFormats,
} from './configuration.js';
import { huggingFaceConfiguration } from './huggingface.js';
import { megatronConfiguration } from './megatron.js';
import { nemoConfiguration } from './nemo.js';
import { t5xConfiguration } from './t5x-gin.js';

const writers: Readonly<Record<ExportFormat, (shape: Shape, training: ExportTraining) => ExportedConfiguration>> = {
  'hf-config': huggingFaceConfiguration,
  't5x-gin': t5xConfiguration,
  megatron: megatronConfiguration,
  nemo: nemoConfiguration,
};

/**
 * The configuration that starts training a shape with another project's trainer, whole or not at all:
 * - `hf-config`: `config.json` of transformers, which reads back as the same shape;
 * - `t5x-gin`: a gin file for T5X's `train.py`;
 * - `megatron`: a script that starts Megatron-LM's `pretrain_gpt.py` or `pretrain_t5.py`;
 * - `nemo`: a configuration for NeMo 1.23's `megatron_gpt_pretraining.py` or `megatron_t5_pretraining.py`.
 *
 * What only the user knows (data, tokenizer, output) stays open in the trainer's own way, so that it does not start without.
 *
 * @throws ShapelawError `unsupported-config` with the `field` that the trainer can't hold; `bad-usage` for another format and
 * for training out of range.
 */
export function exportConfiguration(
  format: ExportFormat,
  shape: Shape,
  training: ExportTraining,
): ExportedConfiguration {
  if (!exportFormats.includes(format)) {
    throw new ShapelawError('bad-usage', `no export format ${format}; there are ${exportFormats.join(', ')}`, {
      format,
    });
  }
  return writers[format](shape, checkedTraining(shape, training));
}
