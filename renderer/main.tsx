import './theme/layers.css'
import '@mantine/core/styles.layer.css'
import './theme/tokens.css'
import './theme/mantine.css'
import './theme/base.css'
import { createRoot } from 'react-dom/client'
import { connectApi } from './api/connect.ts'
import { App } from './shell/app.tsx'
import { currentScheme } from './theme/scheme.ts'

document.documentElement.dataset.mantineColorScheme = currentScheme()
const root = createRoot(document.getElementById('root')!)
root.render(<App api={await connectApi()} />)
