import { Button } from '@mantine/core'
import { IconCheck } from '@tabler/icons-react'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { CreateInput } from '#core/api/volumes.ts'
import { useApi } from '../../api/api.ts'
import { useBucketProbe, useMetadataProbe, useMountPointProbe } from '../../api/probes.ts'
import { go } from '../../components/navigate.ts'
import { hrefOf } from '../../components/route.ts'
import { s } from '../../strings/strings.ts'
import { Creating } from './creating.tsx'
import { DataStep } from './data-step.tsx'
import {
  bucketOfDraft,
  createInputOf,
  type Draft,
  FIRST_DRAFT,
  isName,
  metaUrlOf,
  mountPointOf,
  type Places,
  presetOf,
} from './draft.ts'
import { EncryptionStep } from './encryption-step.tsx'
import { MetadataStep } from './metadata-step.tsx'
import { MountStep } from './mount-step.tsx'
import { NameStep } from './name-step.tsx'
import { OptionsStep } from './options-step.tsx'
import type { StepProps } from './step-props.ts'
import { type Answers, furthest, STEPS, type Step } from './steps.ts'
import { SummaryStep } from './summary-step.tsx'
import css from './wizard.module.css'

const PARTS: Readonly<Record<Step, (props: StepProps) => React.ReactNode>> = {
  name: NameStep,
  metadata: MetadataStep,
  data: DataStep,
  options: OptionsStep,
  encryption: EncryptionStep,
  mount: MountStep,
  summary: SummaryStep,
}

/** Makes a volume: one question at a time, every address tested as it is typed. */
export default function Wizard() {
  const { trpc } = useApi()
  const places = usePlaces()
  const [draft, setDraft] = useState(FIRST_DRAFT)
  const [step, setStep] = useState<Step>('name')
  const probes = useProbes(draft, places)
  const create = useMutation({ mutationFn: (input: CreateInput) => trpc.volumes.create.mutate(input) })

  const at = STEPS.indexOf(step)
  const last = furthest(draft, probes.answers)
  const words = s.wizard
  const Part = PARTS[step]

  function next(): void {
    if (step !== 'summary') setStep(STEPS[at + 1]!)
    else {
      const input = createInputOf(draft, places)
      if (input !== undefined) create.mutate(input)
    }
  }

  if (!create.isIdle) {
    return (
      <Creating name={draft.name} task={create.data} error={create.error} onBack={() => create.reset()} />
    )
  }
  return (
    <div className={css.wizard}>
      <nav className={css.steps} aria-label={words.stepsLabel}>
        <h1>{words.title}</h1>
        <ol>
          {STEPS.map((each, index) => (
            <li key={each}>
              <button
                type="button"
                disabled={index > last}
                aria-current={each === step ? 'step' : undefined}
                onClick={() => setStep(each)}
              >
                <span className={css.number}>
                  {index < Math.min(at, last) ? <IconCheck size={14} aria-label={words.done} /> : index + 1}
                </span>
                {words.steps[each]}
              </button>
            </li>
          ))}
        </ol>
      </nav>
      <form
        className={css.part}
        onSubmit={(event) => {
          event.preventDefault()
          if (last > at || step === 'summary') next()
        }}
      >
        <div className={css.questions}>
          <Part
            key={step}
            draft={draft}
            places={places}
            probes={probes}
            onChange={(change: Partial<Draft>) => setDraft((now) => ({ ...now, ...change }))}
          />
        </div>
        <footer className={css.foot}>
          <Button variant="subtle" color="gray" onClick={() => go(hrefOf({ page: 'volumes' }))}>
            {words.leave}
          </Button>
          <span className={css.gap} />
          {at > 0 && (
            <Button variant="default" onClick={() => setStep(STEPS[at - 1]!)}>
              {s.common.back}
            </Button>
          )}
          <Button type="submit" disabled={step === 'summary' ? last < at : last <= at}>
            {step === 'summary' ? words.summary.create(draft.name) : s.common.next}
          </Button>
        </footer>
      </form>
    </div>
  )
}

function useProbes(draft: Draft, places: Places) {
  const named = isName(draft.name)
  const preset = presetOf(draft)
  const bucket = bucketOfDraft(draft, places)
  const hasKeys = !preset.needsKeys || (draft.accessKey !== '' && draft.secretKey !== '')
  const metadata = useMetadataProbe(
    named ? metaUrlOf(draft, places) : '',
    draft.engine === 'sqlite' ? '' : draft.metaPassword,
  )
  const data = useBucketProbe(
    named && bucket !== undefined && hasKeys
      ? {
          storage: preset.storage,
          bucket,
          volumeName: draft.name,
          secrets: preset.needsKeys ? { accessKey: draft.accessKey, secretKey: draft.secretKey } : {},
        }
      : undefined,
  )
  const mountPoint = useMountPointProbe(named ? mountPointOf(draft, places) : '')
  const answers: Answers = { metadata: metadata.answer, bucket: data.answer, mountPoint: mountPoint.answer }
  return { metadata, data, mountPoint, answers }
}

function usePlaces(): Places {
  const { trpc } = useApi()
  const about = useQuery({
    queryKey: ['about'],
    queryFn: ({ signal }) => trpc.system.about.query(undefined, { signal }),
  })
  const settings = useQuery({
    queryKey: ['settings'],
    queryFn: ({ signal }) => trpc.system.settings.query(undefined, { signal }),
  })
  return { stateDir: about.data?.stateDir ?? '', mountFolder: settings.data?.mountFolder ?? '~' }
}
