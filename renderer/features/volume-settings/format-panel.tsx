import { Button, NumberInput, Switch, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { FormatChange, VolumeFormat } from '#core/api/volumes.ts'
import { useApi } from '../../api/api.ts'
import { ErrorNote } from '../../components/error-note.tsx'
import { Facts } from '../../components/facts.tsx'
import { Panel } from '../../components/panel.tsx'
import { useUi } from '../../components/ui-store.ts'
import { bytes } from '../../format/bytes.ts'
import { count } from '../../format/number.ts'
import { s } from '../../strings/strings.ts'
import { changeOf, type FormatForm, formOfFormat, isCount, isSize } from './format-form.ts'
import css from './volume-settings.module.css'

interface Props {
  readonly id: string
  readonly name: string
}

/** What is stored with the volume and holds for all of its clients. */
export function FormatPanel({ id, name }: Props) {
  const { trpc } = useApi()
  const words = s.volumeSettings.volume
  const { data, error, refetch } = useQuery({
    queryKey: ['format', id],
    queryFn: ({ signal }) => trpc.volumes.format.query({ id }, { signal }),
  })
  return (
    <Panel title={words.title} note={words.text}>
      {error !== null && <ErrorNote error={error} doing={words.reading} onRetry={() => void refetch()} />}
      {data !== undefined && <FormatFields key={JSON.stringify(data)} id={id} name={name} format={data} />}
    </Panel>
  )
}

function FormatFields({ id, name, format }: Props & { readonly format: VolumeFormat }) {
  const { trpc } = useApi()
  const client = useQueryClient()
  const words = s.volumeSettings.volume
  const [form, setForm] = useState(() => formOfFormat(format))
  const set = (part: Partial<FormatForm>) => setForm((now) => ({ ...now, ...part }))
  const save = useMutation({
    mutationFn: (change: FormatChange) => trpc.volumes.changeFormat.mutate(change),
    async onSuccess(lines) {
      useUi.getState().say(words.saved(lines))
      await client.invalidateQueries({ queryKey: ['format', id] })
    },
  })
  const change = changeOf(form, format)
  return (
    <form
      className={css.fields}
      onSubmit={(event) => {
        event.preventDefault()
        if (change !== undefined) save.mutate({ id, ...change })
      }}
    >
      <FormatFacts format={format} />
      <div className={css.pair}>
        <TextInput
          label={words.capacity}
          description={words.empty}
          value={form.capacityText}
          error={isSize(form.capacityText) ? undefined : words.badSize}
          onChange={(event) => set({ capacityText: event.currentTarget.value })}
        />
        <TextInput
          label={words.inodes}
          description={words.empty}
          value={form.inodesText}
          error={isCount(form.inodesText) ? undefined : words.badCount}
          onChange={(event) => set({ inodesText: event.currentTarget.value })}
        />
        <NumberInput
          label={words.trash}
          min={0}
          max={3650}
          allowDecimal={false}
          value={form.trashDays}
          onChange={(value) => typeof value === 'number' && set({ trashDays: value })}
        />
      </div>
      <Switch
        label={words.acl}
        description={words.aclHint}
        checked={form.acl}
        disabled={format.acl}
        onChange={(event) => set({ acl: event.currentTarget.checked })}
      />
      {save.isError && <ErrorNote error={save.error} doing={words.saving(name)} />}
      <div>
        <Button
          type="submit"
          disabled={change === undefined || Object.keys(change).length === 0}
          loading={save.isPending}
        >
          {s.common.save}
        </Button>
      </div>
    </form>
  )
}

function FormatFacts({ format }: { readonly format: VolumeFormat }) {
  const words = s.volumeSettings.volume.facts
  const {
    uuid,
    storage,
    bucket,
    blockBytes,
    compression,
    encrypted,
    encryptionAlgorithm,
    shards,
    hashPrefix,
    minClientVersion,
  } = format
  return (
    <Facts
      facts={[
        { label: words.uuid, value: uuid },
        { label: words.storage, value: `${storage}, ${bucket}` },
        { label: words.block, value: s.wizard.summary.blocks(bytes(blockBytes), compression) },
        { label: words.encryption, value: encrypted ? (encryptionAlgorithm ?? words.yes) : s.common.none },
        ...(shards > 1 ? [{ label: words.shards, value: count(shards) }] : []),
        ...(hashPrefix ? [{ label: words.prefix, value: words.yes }] : []),
        ...(minClientVersion === null
          ? []
          : [{ label: words.versions, value: words.from(minClientVersion) }]),
      ]}
    />
  )
}
