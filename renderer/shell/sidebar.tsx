import { Menu, TextInput, UnstyledButton } from '@mantine/core'
import {
  IconActivity,
  IconChevronDown,
  IconLayoutList,
  IconPlus,
  IconSearch,
  IconSettings,
} from '@tabler/icons-react'
import { useMemo, useState } from 'react'
import { useRunningTasks, useVolumes } from '../api/live.ts'
import { isMac } from '../components/key-names.ts'
import { go } from '../components/navigate.ts'
import { hrefOf, type Route } from '../components/route.ts'
import { useUi } from '../components/ui-store.ts'
import { sortedVolumes } from '../components/volume-order.ts'
import { s } from '../strings/strings.ts'
import css from './sidebar.module.css'
import { SidebarVolumes } from './sidebar-volumes.tsx'

/** So few are seen at a glance. */
const FILTER_FROM = 10

export function Sidebar({ route }: { readonly route: Route }) {
  const volumes = useVolumes()
  const [filter, setFilter] = useState('')
  const shown = useMemo(() => sortedVolumes(volumes, filter), [volumes, filter])
  const openPalette = useUi((ui) => ui.openPalette)
  return (
    <nav className={css.sidebar} aria-label={s.shell.navigation}>
      <div className={css.brand}>
        <img src={new URL('../theme/mark.svg', import.meta.url).href} width="20" height="20" alt="" />
        <span>{s.shell.app}</span>
      </div>
      <UnstyledButton className={css.palette} onClick={() => openPalette(true)}>
        <IconSearch size={14} stroke={1.75} />
        <span>{s.shell.commands}</span>
        <kbd>{isMac ? '⌘K' : 'Ctrl K'}</kbd>
      </UnstyledButton>
      <PageLink page="volumes" route={route} icon={<IconLayoutList size={16} stroke={1.75} />}>
        {s.shell.allVolumes}
        <span className={css.count} data-figures>
          {volumes.length > 0 ? volumes.length.toLocaleString('en-US') : ''}
        </span>
      </PageLink>
      {volumes.length >= FILTER_FROM && (
        <TextInput
          id="volume-filter"
          className={css.filter}
          size="xs"
          leftSection={<IconSearch size={14} />}
          placeholder={s.shell.filter}
          aria-label={s.shell.filter}
          value={filter}
          onChange={(event) => setFilter(event.currentTarget.value)}
        />
      )}
      <SidebarVolumes volumes={shown} current={route.page === 'volume' ? route.id : undefined} />
      {volumes.length > 0 && shown.length === 0 && <p className={css.noMatch}>{s.shell.noMatch}</p>}
      <div className={css.foot}>
        <NewMenu />
        <hr />
        <ActivityLink route={route} />
        <PageLink page="settings" route={route} icon={<IconSettings size={16} stroke={1.75} />}>
          {s.shell.settings}
        </PageLink>
      </div>
    </nav>
  )
}

interface PageLinkProps {
  readonly page: 'volumes' | 'activity' | 'settings'
  readonly route: Route
  readonly icon: React.ReactNode
  readonly children: React.ReactNode
}

function PageLink({ page, route, icon, children }: PageLinkProps) {
  return (
    <a className={css.item} href={hrefOf({ page })} aria-current={route.page === page ? 'page' : undefined}>
      {icon}
      {children}
    </a>
  )
}

function ActivityLink({ route }: { readonly route: Route }) {
  const running = useRunningTasks()
  return (
    <PageLink page="activity" route={route} icon={<IconActivity size={16} stroke={1.75} />}>
      {s.shell.activity}
      {running > 0 && (
        <span className={css.badge} title={s.shell.running(running)}>
          {running}
        </span>
      )}
    </PageLink>
  )
}

function NewMenu() {
  return (
    <Menu position="top-start" width={208}>
      <Menu.Target>
        <UnstyledButton className={css.item}>
          <IconPlus size={16} stroke={1.75} />
          {s.shell.newVolume}
          <IconChevronDown size={14} className={css.chevron} />
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={() => go(hrefOf({ page: 'new' }))}>{s.shell.newVolume}</Menu.Item>
        <Menu.Item onClick={() => go(hrefOf({ page: 'connect' }))}>{s.shell.connectVolume}</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}
